// Gradient of a depthwise convolution with respect to its filters, the reduction split over slices of output rows.
//
//   output[slice, r,s,c] = sum over the output rows (n,p) of the slice and over q of
//                          input[n, p*STRIDE+r*DILATION-PADDING, ..., c] * gradient[n,p,q,c]
//
// sum_slices adds the slices up. A thread holds one filter row of a vector of channels; for PIXELS neighbouring gradients it
// loads COLUMNS inputs, each once. Neighbouring threads have neighbouring channels. The last block of a row ends with the row;
// pixels that the block before had count as zeros. A pixel behind the row would multiply inputs that its tap never meets, and
// NaN times 0 is NaN.
//
// input     [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]
// gradient  [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS], of the convolution's output z
// output    [SLICES, FILTER_HEIGHT, FILTER_WIDTH, CHANNELS], overwritten
// Grid: vectors of channels, filter rows, slices of SLICE_ROWS rows; THREADS of them a workgroup.
// Limits: VECTOR divides CHANNELS; PIXELS <= OUT_WIDTH;
// COLUMNS = (PIXELS - 1) * STRIDE_WIDTH + (FILTER_WIDTH - 1) * DILATION_WIDTH + 1.
@group(0) @binding(0) var<storage, read_write> input: array<Vector>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Vector>;
@group(0) @binding(2) var<storage, read_write> output: array<Vector>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * THREADS + local;
  let c = element % VECTORS;
  let r = element / VECTORS % FILTER_HEIGHT;
  let slice = element / VECTORS / FILTER_HEIGHT;
  if (slice >= SLICES) {
    return;
  }
  var sums: array<Vector, FILTER_WIDTH>;
  let last_row = min((slice + 1u) * SLICE_ROWS, BATCH * OUT_HEIGHT);
  for (var row = slice * SLICE_ROWS; row < last_row; row++) {
    let h = i32(row % OUT_HEIGHT * STRIDE_HEIGHT + r * DILATION_HEIGHT) - PADDING_HEIGHT;
    if (u32(h) >= IN_HEIGHT) {
      continue;
    }
    let input_row = (row / OUT_HEIGHT * IN_HEIGHT + u32(h)) * IN_WIDTH;
    for (var block = 0u; block < OUT_WIDTH; block += PIXELS) {
      let first = min(block, OUT_WIDTH - PIXELS);
      let first_w = i32(first * STRIDE_WIDTH) - PADDING_WIDTH;
      var values: array<Vector, COLUMNS>;
      /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
        let w = first_w + i32(j);
        let inside = u32(w) < IN_WIDTH;
        values[j] = select(Vector(), input[(input_row + select(0u, u32(w), inside)) * VECTORS + c], inside);
      }
      /* unroll */ for (var q = 0u; q < PIXELS; q++) {
        let own = (OUT_WIDTH % PIXELS == 0u) | (first + q >= block);
        let incoming = select(Vector(), gradient[(row * OUT_WIDTH + first + q) * VECTORS + c], own);
        /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
          sums[s] += values[q * STRIDE_WIDTH + s * DILATION_WIDTH] * incoming;
        }
      }
    }
  }
  /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
    output[((slice * FILTER_HEIGHT + r) * FILTER_WIDTH + s) * VECTORS + c] = sums[s];
  }
}
