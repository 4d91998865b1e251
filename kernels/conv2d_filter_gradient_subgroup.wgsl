// Gradient of a convolution with respect to its filters by values that pass from lane to lane, the reduction split over slices
// of rows.
//
//   output[slice, r,s,c,k] = sum over the output rows (n,p) of the slice and over q of
//                            input[n, p*STRIDE+r*DILATION-PADDING, ..., g,c] * gradient[n,p,q,k]
//
// A slice has its share of the rows in which filter row r meets the input; sum_slices adds the slices up. A workgroup is one
// subgroup: its lanes are output channels, VECTOR each, and every lane holds TAPS filter columns x CHUNKS * SUBGROUP input
// channels in registers. For PIXELS neighbouring output pixels it loads one input channel a lane and chunk, which passes from
// lane to lane, and VECTOR gradients. Channels are shuffled, all lanes reading one, or in subgroups of four swapped,
// which takes an instruction instead of many: lane l then sums up what lane l ^ j has loaded.
//
// input     [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// gradient  [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS * GROUP_OUT], of the convolution's output z
// output    [SLICES, FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], overwritten
// Grid: blocks of filter columns, filter rows, blocks of input channels, blocks of output channels, groups, slices.
// Limits: every subgroup has SUBGROUP invocations, by itself or with PINNED; VECTOR divides GROUP_OUT; TAPS divides FILTER_WIDTH;
// PIXELS <= OUT_WIDTH; CHUNK is 4 in subgroups of four.
enable subgroups;
/* PINNED: enable subgroup_size_control; */
@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(2) var<storage, read_write> output: array<Vector>;

const IN_CHANNELS = GROUPS * GROUP_IN;
const GROUP_VECTORS = GROUP_OUT / VECTOR;
const OUT_VECTORS = GROUPS * GROUP_VECTORS;
const SWAPS = SUBGROUP == 4u;
const SLICES = (BATCH * OUT_HEIGHT + SLICE_ROWS - 1u) / SLICE_ROWS;
const COLUMN_BLOCKS = (OUT_WIDTH + PIXELS - 1u) / PIXELS;

// What a subgroup computes: TAPS filter columns from `column` on of a filter row, for channels of both sides.
struct Block {
  column: u32,
  row: u32,
  first_channel: u32,
  out_block: u32,
  group: u32,
  slice: u32,
}

fn block_of(index: u32) -> Block {
  var block: Block;
  var rest = index;
  block.column = rest % (FILTER_WIDTH / TAPS) * TAPS;
  rest /= FILTER_WIDTH / TAPS;
  block.row = rest % FILTER_HEIGHT;
  rest /= FILTER_HEIGHT;
  block.first_channel = rest % IN_BLOCKS * CHUNKS * CHUNK;
  rest /= IN_BLOCKS;
  block.out_block = rest % OUT_BLOCKS;
  rest /= OUT_BLOCKS;
  block.group = rest % GROUPS;
  block.slice = rest / GROUPS;
  return block;
}

// The output rows of a slice: of those from first_p on and before end_p, for which the filter row lies in the image, counted
// over all images the ones from start on, before end.
struct Rows {
  first_p: u32,
  end_p: u32,
  // From the input row that an output row begins with, padding aside, to the one under the filter row.
  down: i32,
  start: u32,
  end: u32,
}

fn rows_of(block: Block) -> Rows {
  let down = i32(block.row * DILATION_HEIGHT) - PADDING_HEIGHT;
  let first_p = min((u32(max(-down, 0)) + STRIDE_HEIGHT - 1u) / STRIDE_HEIGHT, OUT_HEIGHT);
  let below = u32(max(i32(IN_HEIGHT) - down, 0));
  let end_p = max(min((below + STRIDE_HEIGHT - 1u) / STRIDE_HEIGHT, OUT_HEIGHT), first_p);
  let count = BATCH * (end_p - first_p);
  let slice_rows = (count + SLICES - 1u) / SLICES;
  let start = block.slice * slice_rows;
  return Rows(first_p, end_p, down, start, min(start + slice_rows, count));
}

// The gradients of a block of output pixels.
alias Gradients = array<array<f32, VECTOR>, PIXELS>;

fn load_gradients(row: u32, pixel: u32, k: u32) -> Gradients {
  var gradients: Gradients;
  /* unroll */ for (var i = 0u; i < PIXELS; i++) {
    gradients[i] = components(block_gradient(row, pixel, i, k));
  }
  return gradients;
}

// The inputs under a block of output pixels: of every column one channel a chunk.
alias Values = array<f32, CHUNKS * COLUMNS>;

fn load_values(block: Block, row: u32, pixel: u32, lane: u32) -> Values {
  let first_column = i32(block_start(pixel) * STRIDE_WIDTH + block.column * DILATION_WIDTH) - PADDING_WIDTH;
  let row_start = row * IN_WIDTH * IN_CHANNELS + block.group * GROUP_IN;
  var values: Values;
  /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
    let column = first_column + i32(j * COLUMN_STEP);
    let inside = u32(column) < IN_WIDTH;
    let base = row_start + select(0u, u32(column) * IN_CHANNELS, inside);
    /* unroll */ for (var chunk = 0u; chunk < CHUNKS; chunk++) {
      let channel = block.first_channel + chunk * CHUNK + min(lane, CHUNK - 1u);
      values[chunk * COLUMNS + j] = select(0.0, f32(input[base + min(channel, GROUP_IN - 1u)]), inside);
    }
  }
  return values;
}

// Sums of TAPS filter columns, CHUNKS * CHUNK input channels and a vector of output channels. Single values: some drivers keep
// all products of a vector before they add them up.
alias Sums = array<f32, TAPS * CHUNKS * CHUNK * VECTOR>;

fn multiply(sums: ptr<function, Sums>, gradients: Gradients, values: Values) {
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
            shared_value = subgroupShuffle(value, j);
          }
          /* unroll */ for (var e = 0u; e < VECTOR; e++) {
            const place = ((t * CHUNKS + chunk) * CHUNK + j) * VECTOR + e;
            sums[place] = gradients[i][e] * shared_value + sums[place];
          }
        }
      }
    }
  }
}

fn store_results(block: Block, sums: Sums, k: u32, lane: u32) {
  /* unroll */ for (var t = 0u; t < TAPS; t++) {
    /* unroll */ for (var c = 0u; c < CHUNKS * CHUNK; c++) {
      let channel = block.first_channel + c / CHUNK * CHUNK + select(c % CHUNK, lane ^ (c % CHUNK), SWAPS);
      if (channel < GROUP_IN) {
        let tap = (block.slice * FILTER_HEIGHT + block.row) * FILTER_WIDTH + block.column + t;
        var total: Vector;
        /* unroll */ for (var e = 0u; e < VECTOR; e++) {
          total = set_component(total, e, sums[(t * CHUNKS * CHUNK + c) * VECTOR + e]);
        }
        output[(tap * GROUP_IN + channel) * OUT_VECTORS + k] = total;
      }
    }
  }
}

@compute @workgroup_size(SUBGROUP) /* PINNED: @subgroup_size(SUBGROUP) */
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let index = workgroup_index(workgroup);
  if (index >= WORKGROUPS) {
    return;
  }
  let block = block_of(index);
  let group_vector = block.out_block * SUBGROUP + lane;
  let k = block.group * GROUP_VECTORS + min(group_vector, GROUP_VECTORS - 1u);

  let rows = rows_of(block);
  let image_rows = max(rows.end_p - rows.first_p, 1u);
  var n = rows.start / image_rows;
  var p = rows.first_p + rows.start % image_rows;
  var q = 0u;
  var sums: Sums;
  // One loop over rows and columns: on some adapters what a loop carries from turn to turn is dear, and loops in loops carry it
  // several times.
  for (var turn = rows.start * COLUMN_BLOCKS; turn < rows.end * COLUMN_BLOCKS; turn++) {
    let gradients = load_gradients(n * OUT_HEIGHT + p, q, k);
    let values = load_values(block, n * IN_HEIGHT + u32(i32(p * STRIDE_HEIGHT) + rows.down), q, lane);
    multiply(&sums, gradients, values);
    var row_ends = true;
    if (COLUMN_BLOCKS > 1u) {
      q += PIXELS;
      row_ends = q >= OUT_WIDTH;
      q = select(q, 0u, row_ends);
    }
    p += u32(row_ends);
    let image_ends = p == rows.end_p;
    p = select(p, rows.first_p, image_ends);
    n += u32(image_ends);
  }
  if (group_vector < GROUP_VECTORS) {
    store_results(block, sums, k, lane);
  }
}
