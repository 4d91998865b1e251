// Depthwise convolution and IC convolution, a filter for every channel, with the whole epilogue in registers; also the input
// gradient, which is one of the output gradient with the filters turned round.
//
//   z[n,p,q,c] = sum over r,s of input[n, (p*STRIDE + r*DILATION - PADDING) / UP, ..., c] * filters[r,s,c]
//   where the division leaves no rest: UP > 1 reads the input as if it had UP - 1 zeros between its pixels. With TURNED the
//   filters are read from their last tap to the first.
//   S[n,p,q,c] = the same sum without filter (SUMS 1), times adjust[c] (SUMS 2)
//   output = what shared/convolution_output.wgsl makes of z and S
//
// A thread computes a vector of channels of ROWS x PIXELS neighbouring outputs, from ROWS_IN x COLUMNS inputs, each of which it
// loads once. Neighbouring threads have neighbouring channels.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUP_OUT]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_OUT]
// The other bindings are those of shared/convolution_output.wgsl, with all channels in one group.
// Grid: vectors of channels, blocks of PIXELS columns, blocks of ROWS rows, images; THREADS of them a workgroup.
// Limits: VECTOR divides GROUP_OUT; GROUPS is 1; UP divides ROWS and PIXELS, and is above 1 only with a stride of 1. The first
// input row of a block is (STRIDE * row) / UP + FIRST_ROW with FIRST_ROW = floor(-PADDING / UP), whose rest is ROW_SHIFT;
// ROWS_IN = ((ROWS - 1) * STRIDE + (FILTER_HEIGHT - 1) * DILATION + ROW_SHIFT) / UP + 1. Likewise for columns.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> filters: array<Stored>;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  var rest = workgroup_index(workgroup) * THREADS + local;
  if (rest >= BATCH * ROW_BLOCKS * COLUMN_BLOCKS * OUT_VECTORS) {
    return;
  }
  let k = rest % OUT_VECTORS;
  rest /= OUT_VECTORS;
  let first_pixel = rest % COLUMN_BLOCKS * PIXELS;
  rest /= COLUMN_BLOCKS;
  let first_row = rest % ROW_BLOCKS * ROWS;
  let n = rest / ROW_BLOCKS;

  let first_h = i32(first_row * STRIDE_HEIGHT / UP_HEIGHT) + FIRST_ROW;
  let first_w = i32(first_pixel * STRIDE_WIDTH / UP_WIDTH) + FIRST_COLUMN;
  var inside: array<bool, COLUMNS>;
  var offsets: array<u32, COLUMNS>;
  /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
    let w = first_w + i32(j);
    inside[j] = u32(w) < IN_WIDTH;
    offsets[j] = select(0u, u32(w) * OUT_VECTORS, inside[j]) + k;
  }

  var z: array<Vector, ROWS * PIXELS>;
  var sums: array<Vector, ROWS * PIXELS>;
  let end = min(u32(max(i32(IN_HEIGHT) - first_h, 0)), ROWS_IN);
  for (var i = u32(max(-first_h, 0)); i < end; i++) {
    let base = (n * IN_HEIGHT + u32(first_h + i32(i))) * IN_WIDTH * OUT_VECTORS;
    var values: array<Vector, COLUMNS>;
    /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
      values[j] = select(Vector(), Vector(input[base + offsets[j]]), inside[j]);
    }
    /* unroll */ for (var b = 0u; b < ROWS; b++) {
      // The filter row that brings input row i to output row b.
      let reach = i * UP_HEIGHT - (b * STRIDE_HEIGHT + ROW_SHIFT);
      let r = reach / DILATION_HEIGHT;
      if ((reach % DILATION_HEIGHT == 0u) & (r < FILTER_HEIGHT)) {
        var weights: array<Vector, FILTER_WIDTH>;
        /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
          let tap = r * FILTER_WIDTH + s;
          weights[s] = Vector(filters[select(tap, TAPS - 1u - tap, TURNED) * OUT_VECTORS + k]);
        }
        /* unroll */ for (var q = 0u; q < PIXELS; q++) {
          /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
            if ((q * STRIDE_WIDTH + s * DILATION_WIDTH + COLUMN_SHIFT) % UP_WIDTH == 0u) {
              let value = values[(q * STRIDE_WIDTH + s * DILATION_WIDTH + COLUMN_SHIFT) / UP_WIDTH];
              z[b * PIXELS + q] += value * weights[s];
              if (SUMS != 0u) {
                sums[b * PIXELS + q] += value;
              }
            }
          }
        }
      }
    }
  }

  let terms = channel_terms(k);
  var sum_weight = splat(1.0);
  if (SUMS == 2u) {
    /* unroll */ for (var e = 0u; e < VECTOR; e++) {
      sum_weight = set_component(sum_weight, e, adjust[k * VECTOR + e]);
    }
  }
  var moments: Moments;
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    /* unroll */ for (var q = 0u; q < PIXELS; q++) {
      if ((first_row + b < OUT_HEIGHT) & (first_pixel + q < OUT_WIDTH)) {
        let pixel = (n * OUT_HEIGHT + first_row + b) * OUT_WIDTH + first_pixel + q;
        let sum = sums[b * PIXELS + q] * sum_weight;
        let stored = store_output(pixel, 0u, k, z[b * PIXELS + q], sum, terms);
        if (STATISTICS) {
          moments = with_value(moments, stored);
        }
        if (STORE_SUMS) {
          window_sums[pixel * OUT_VECTORS + k] = sum;
        }
      }
    }
  }
  if (STATISTICS) {
    store_moments((n * ROW_BLOCKS + first_row / ROWS) * COLUMN_BLOCKS + first_pixel / PIXELS, k, moments);
  }
}
