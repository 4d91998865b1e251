// Convolution and IC convolution by subgroup broadcast, with the whole epilogue in registers; also the input gradient,
// which is a convolution of the output gradient with the filters turned round (filter_transpose).
//
//   z[n,p,q,k] = sum over r,s,c of input[n, (p*STRIDE + r*DILATION - PADDING) / UP, ..., g,c] * filters[r,s,c,k]
//   where the division leaves no rest: UP > 1 reads the input as if it had UP - 1 zeros between its pixels.
//   S[n,p,q,g] = the same sum without filter (SUMS 1), or with adjust[g * ADJUST_STRIDE + c] in its place (SUMS 2)
//   output = what shared/convolution_output.wgsl makes of z and S
//
// A workgroup is one subgroup. Its lanes are output channels, VECTORS vectors each; a lane holds PIXELS neighbouring output
// pixels of ROWS neighbouring rows in registers. For each input pixel every lane loads one input channel, and the channels are
// broadcast from lane to lane as they are multiplied: one load brings in as many values as the subgroup is wide. TAPS filter
// columns share the loaded row. The filters of HELD channels at a time are read ahead of the pixels.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// The other bindings are those of shared/convolution_output.wgsl.
// Grid: blocks of PIXELS output columns, blocks of ROWS output rows of all images, UP_WIDTH x UP_HEIGHT phases, blocks of
// channels, groups.
// Limits: every subgroup has SUBGROUP invocations; VECTOR divides GROUP_OUT; TAPS divides FILTER_WIDTH; HELD divides CHUNK;
// UP_WIDTH > 1 only with a stride of 1 and TAPS 1; UP_HEIGHT > 1 only with a stride of 1. IMAGE_ROWS = ceil(OUT_HEIGHT / UP_HEIGHT).
enable subgroups;
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> filters: array<Vector>;

const IN_CHANNELS = GROUPS * GROUP_IN;

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  var rest = workgroup_index(workgroup);
  if (rest >= WORKGROUPS) {
    return;
  }
  let block = rest % COLUMN_BLOCKS;
  rest /= COLUMN_BLOCKS;
  let first_row = rest % ROW_BLOCKS * ROWS;
  rest /= ROW_BLOCKS;
  let phase_x = rest % UP_WIDTH;
  rest /= UP_WIDTH;
  let phase_y = rest % UP_HEIGHT;
  rest /= UP_HEIGHT;
  let channel_block = rest % CHANNEL_BLOCKS;
  let group = rest / CHANNEL_BLOCKS;
  let first_vector = channel_block * VECTORS * SUBGROUP + lane;
  let first_pixel = block * PIXELS;

  var k: array<u32, VECTORS>;
  /* unroll */ for (var v = 0u; v < VECTORS; v++) {
    k[v] = group * GROUP_VECTORS + min(first_vector + v * SUBGROUP, GROUP_VECTORS - 1u);
  }
  var z: array<Vector, ROWS * PIXELS * VECTORS>;
  var sums: array<f32, ROWS * PIXELS>;
  for (var r = 0u; r < FILTER_HEIGHT; r++) {
    let tall = i32(phase_y + r * DILATION_HEIGHT) - PADDING_HEIGHT;
    if (tall % i32(UP_HEIGHT) != 0) {
      continue;
    }
    var row_bases: array<u32, ROWS>;
    var row_inside: array<bool, ROWS>;
    var any_inside = false;
    /* unroll */ for (var b = 0u; b < ROWS; b++) {
      let n = min((first_row + b) / IMAGE_ROWS, BATCH - 1u);
      let h = i32((first_row + b) % IMAGE_ROWS * STRIDE_HEIGHT) + tall / i32(UP_HEIGHT);
      row_inside[b] = u32(h) < IN_HEIGHT;
      row_bases[b] = (n * IN_HEIGHT + select(0u, u32(h), row_inside[b])) * IN_WIDTH * IN_CHANNELS + group * GROUP_IN;
      any_inside = any_inside | row_inside[b];
    }
    if (!any_inside) {
      continue;
    }
    for (var s = 0u; s < FILTER_WIDTH; s += TAPS) {
      let wide = i32(phase_x + s * DILATION_WIDTH) - PADDING_WIDTH;
      if (wide % i32(UP_WIDTH) != 0) {
        continue;
      }
      let first_column = i32(first_pixel * STRIDE_WIDTH) + wide / i32(UP_WIDTH);
      var offsets: array<u32, COLUMNS>;
      var inside: array<bool, COLUMNS>;
      /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
        let column = first_column + i32(j * COLUMN_STEP);
        inside[j] = u32(column) < IN_WIDTH;
        offsets[j] = select(0u, u32(column) * IN_CHANNELS, inside[j]);
      }
      for (var c = 0u; c < GROUP_IN; c += CHUNK) {
        let channel = min(c + lane, GROUP_IN - 1u);
        let has_channel = (GROUP_IN % SUBGROUP == 0u) | ((c + lane < GROUP_IN) & (lane < CHUNK));
        var values: array<f32, ROWS * COLUMNS>;
        /* unroll */ for (var b = 0u; b < ROWS; b++) {
          let base = row_bases[b] + channel;
          let present = has_channel & ((ROWS == 1u) | row_inside[b]);
          /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
            values[b * COLUMNS + j] = select(0.0, input[base + offsets[j]], inside[j] & present);
          }
        }
        if (SUMS != 0u) {
          var weight = 1.0;
          if (SUMS == 2u) {
            weight = adjust[group * ADJUST_STRIDE + channel];
          }
          /* unroll */ for (var b = 0u; b < ROWS; b++) {
            /* unroll */ for (var i = 0u; i < PIXELS; i++) {
              /* unroll */ for (var t = 0u; t < TAPS; t++) {
                sums[b * PIXELS + i] += weight * values[b * COLUMNS + i * PIXEL_STEP + t * DILATION_WIDTH];
              }
            }
          }
        }
        /* unroll */ for (var t = 0u; t < TAPS; t++) {
          /* unroll */ for (var first = 0u; first < CHUNK; first += HELD) {
            var weights: array<Vector, HELD * VECTORS>;
            /* unroll */ for (var j = 0u; j < HELD; j++) {
              let source = select(min(c + first + j, GROUP_IN - 1u), c + first + j, GROUP_IN % CHUNK == 0u);
              let row = ((r * FILTER_WIDTH + s + t) * GROUP_IN + source) * OUT_VECTORS;
              /* unroll */ for (var v = 0u; v < VECTORS; v++) {
                weights[j * VECTORS + v] = filters[row + k[v]];
              }
            }
            /* unroll */ for (var b = 0u; b < ROWS; b++) {
              /* unroll */ for (var i = 0u; i < PIXELS; i++) {
                let value = values[b * COLUMNS + i * PIXEL_STEP + t * DILATION_WIDTH];
                /* unroll */ for (var j = 0u; j < HELD; j++) {
                  let shared_value = subgroupBroadcast(value, first + j);
                  /* unroll */ for (var v = 0u; v < VECTORS; v++) {
                    z[(b * PIXELS + i) * VECTORS + v] += shared_value * weights[j * VECTORS + v];
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  var terms: array<ChannelTerms, VECTORS>;
  /* unroll */ for (var v = 0u; v < VECTORS; v++) {
    terms[v] = channel_terms(k[v]);
  }
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      var sum = 0.0;
      if (SUMS != 0u) {
        sum = subgroupAdd(sums[b * PIXELS + i]);
      }
      let row = first_row + b;
      let p = row % IMAGE_ROWS * UP_HEIGHT + phase_y;
      let q = (first_pixel + i) * UP_WIDTH + phase_x;
      if ((row < BATCH * IMAGE_ROWS) & (p < OUT_HEIGHT) & (q < OUT_WIDTH)) {
        let pixel = (row / IMAGE_ROWS * OUT_HEIGHT + p) * OUT_WIDTH + q;
        /* unroll */ for (var v = 0u; v < VECTORS; v++) {
          if ((GROUP_VECTORS % (VECTORS * SUBGROUP) == 0u) | (first_vector + v * SUBGROUP < GROUP_VECTORS)) {
            store_output(pixel, group, k[v], z[(b * PIXELS + i) * VECTORS + v], sum, terms[v]);
          }
        }
        if (STORE_SUMS) {
          if (first_vector == 0u) {
            window_sums[pixel * GROUPS + group] = sum;
          }
        }
      }
    }
  }
}
