// Gradient of a convolution with respect to its filters by subgroup broadcast, the reduction split over slices of rows.
//
//   output[slice, r,s,c,k] = sum over the output rows (n,p) of the slice and over q of
//                            input[n, p*STRIDE+r*DILATION-PADDING, ..., g,c] * gradient[n,p,q,k]
//
// A slice has its share of the rows in which filter row r meets the input; sum_slices adds the slices up. A workgroup is one
// subgroup: its lanes are output channels, VECTOR each, and every lane holds TAPS filter columns x CHUNKS * SUBGROUP input
// channels in registers. For PIXELS neighbouring output pixels it loads one input channel a lane and chunk, which passes from
// lane to lane, and VECTOR gradients. Channels are broadcast, or in subgroups of four swapped, which takes an instruction
// instead of many: lane l then sums up what lane l ^ j has loaded. The last block of a row ends with the row; pixels that the
// block before had count as zeros. A pixel behind the row would multiply inputs that its tap never meets, and NaN times 0 is NaN.
//
// input     [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// gradient  [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS * GROUP_OUT], of the convolution's output z
// output    [SLICES, FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], overwritten
// Grid: blocks of filter columns, filter rows, blocks of input channels, blocks of output channels, groups, slices.
// Limits: every subgroup has SUBGROUP invocations; VECTOR divides GROUP_OUT; TAPS divides FILTER_WIDTH; PIXELS <= OUT_WIDTH;
// CHUNK is 4 in subgroups of four.
enable subgroups;
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Vector>;
@group(0) @binding(2) var<storage, read_write> output: array<Vector>;

const IN_CHANNELS = GROUPS * GROUP_IN;
const GROUP_VECTORS = GROUP_OUT / VECTOR;
const OUT_VECTORS = GROUPS * GROUP_VECTORS;
const SWAPS = SUBGROUP == 4u;
const SLICES = (BATCH * OUT_HEIGHT + SLICE_ROWS - 1u) / SLICE_ROWS;
const COLUMN_BLOCKS = (OUT_WIDTH + PIXELS - 1u) / PIXELS;

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  var rest = workgroup_index(workgroup);
  if (rest >= WORKGROUPS) {
    return;
  }
  let s = rest % (FILTER_WIDTH / TAPS) * TAPS;
  rest /= FILTER_WIDTH / TAPS;
  let r = rest % FILTER_HEIGHT;
  rest /= FILTER_HEIGHT;
  let first_channel = rest % IN_BLOCKS * CHUNKS * CHUNK;
  rest /= IN_BLOCKS;
  let group_vector = rest % OUT_BLOCKS * SUBGROUP + lane;
  rest /= OUT_BLOCKS;
  let group = rest % GROUPS;
  let slice = rest / GROUPS;
  let k = group * GROUP_VECTORS + min(group_vector, GROUP_VECTORS - 1u);

  // Single values: some drivers keep all products of a vector before they add them up.
  var sums: array<f32, TAPS * CHUNKS * CHUNK * VECTOR>;
  // Output rows for which filter row r lies in the image: from first_p on, before end_p.
  let above = PADDING_HEIGHT - i32(r * DILATION_HEIGHT);
  let first_p = min((u32(max(above, 0)) + STRIDE_HEIGHT - 1u) / STRIDE_HEIGHT, OUT_HEIGHT);
  let end_p = min((u32(max(i32(IN_HEIGHT) + above, 0)) + STRIDE_HEIGHT - 1u) / STRIDE_HEIGHT, OUT_HEIGHT);
  let rows = max(end_p, first_p) - first_p;
  let slice_rows = (BATCH * rows + SLICES - 1u) / SLICES;
  let start = slice * slice_rows;
  let end = min(start + slice_rows, BATCH * rows);
  var n = start / max(rows, 1u);
  var p = first_p + start % max(rows, 1u);
  var q = 0u;
  // One loop over rows and columns: on some adapters what a loop carries from turn to turn is dear, and loops in loops carry it
  // several times.
  for (var turn = start * COLUMN_BLOCKS; turn < end * COLUMN_BLOCKS; turn++) {
    let row = n * OUT_HEIGHT + p;
    let input_row = (n * IN_HEIGHT + u32(i32(p * STRIDE_HEIGHT) - above)) * IN_WIDTH * IN_CHANNELS + group * GROUP_IN;
    let first = min(q, OUT_WIDTH - PIXELS);
    var gradients: array<array<f32, VECTOR>, PIXELS>;
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      let own = (OUT_WIDTH % PIXELS == 0u) | (first + i >= q);
      gradients[i] = components(select(Vector(), gradient[(row * OUT_WIDTH + first + i) * OUT_VECTORS + k], own));
    }
    let first_column = i32(first * STRIDE_WIDTH + s * DILATION_WIDTH) - PADDING_WIDTH;
    var values: array<f32, CHUNKS * COLUMNS>;
    /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
      let column = first_column + i32(j * COLUMN_STEP);
      let inside = u32(column) < IN_WIDTH;
      let base = input_row + select(0u, u32(column) * IN_CHANNELS, inside);
      /* unroll */ for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        let channel = first_channel + chunk * CHUNK + min(lane, CHUNK - 1u);
        values[chunk * COLUMNS + j] = select(0.0, input[base + min(channel, GROUP_IN - 1u)], inside);
      }
    }
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      /* unroll */ for (var t = 0u; t < TAPS; t++) {
        /* unroll */ for (var chunk = 0u; chunk < CHUNKS; chunk++) {
          let value = values[chunk * COLUMNS + i * PIXEL_STEP + t * DILATION_WIDTH];
          /* unroll */ for (var j = 0u; j < CHUNK; j++) {
            var shared_value = value;
            if (SWAPS) {
              if (j == 1u) {
                shared_value = quadSwapX(value);
              } else if (j == 2u) {
                shared_value = quadSwapY(value);
              } else if (j == 3u) {
                shared_value = quadSwapDiagonal(value);
              }
            } else {
              shared_value = subgroupBroadcast(value, j);
            }
            /* unroll */ for (var e = 0u; e < VECTOR; e++) {
              const place = ((t * CHUNKS + chunk) * CHUNK + j) * VECTOR + e;
              sums[place] = gradients[i][e] * shared_value + sums[place];
            }
          }
        }
      }
    }
    var row_ends = true;
    if (COLUMN_BLOCKS > 1u) {
      q += PIXELS;
      row_ends = q >= OUT_WIDTH;
      q = select(q, 0u, row_ends);
    }
    p += u32(row_ends);
    let image_ends = p == end_p;
    p = select(p, first_p, image_ends);
    n += u32(image_ends);
  }

  if (group_vector < GROUP_VECTORS) {
    /* unroll */ for (var t = 0u; t < TAPS; t++) {
      /* unroll */ for (var c = 0u; c < CHUNKS * CHUNK; c++) {
        let channel = first_channel + c / CHUNK * CHUNK + select(c % CHUNK, lane ^ (c % CHUNK), SWAPS);
        if (channel < GROUP_IN) {
          let tap = (slice * FILTER_HEIGHT + r) * FILTER_WIDTH + s + t;
          var total: Vector;
          /* unroll */ for (var e = 0u; e < VECTOR; e++) {
            total = set_component(total, e, sums[(t * CHUNKS * CHUNK + c) * VECTOR + e]);
          }
          output[(tap * GROUP_IN + channel) * OUT_VECTORS + k] = total;
        }
      }
    }
  }
}
