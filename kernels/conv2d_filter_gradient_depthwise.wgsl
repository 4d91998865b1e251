// Gradient of a depthwise convolution with respect to its filters, the reduction split over slices of output rows.
//
//   output[slice, r,s,c] = sum over the output rows (n,p) of the slice and over q of
//                          input[n, p*STRIDE+r*DILATION-PADDING, ..., c] * gradient[n,p,q,c]
//
// sum_slices adds the slices up. A thread holds one filter row of a vector of channels; for PIXELS neighbouring gradients it
// loads COLUMNS inputs, each once. Neighbouring threads have neighbouring channels.
//
// input     [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]
// gradient  [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS], of the convolution's output z
// output    [SLICES, FILTER_HEIGHT, FILTER_WIDTH, CHANNELS], overwritten
// Grid: vectors of channels, filter rows, slices of SLICE_ROWS rows; THREADS of them a workgroup.
// Limits: VECTOR divides CHANNELS; PIXELS <= OUT_WIDTH;
// COLUMNS = (PIXELS - 1) * STRIDE_WIDTH + (FILTER_WIDTH - 1) * DILATION_WIDTH + 1.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(2) var<storage, read_write> output: array<Vector>;

const OUT_VECTORS = CHANNELS / VECTOR;
const COLUMN_BLOCKS = (OUT_WIDTH + PIXELS - 1u) / PIXELS;

// The inputs under a block of output pixels.
alias Values = array<Vector, COLUMNS>;

fn load_values(row: u32, pixel: u32, k: u32) -> Values {
  let first_column = i32(block_start(pixel) * STRIDE_WIDTH) - PADDING_WIDTH;
  var values: Values;
  /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
    let column = first_column + i32(j);
    let inside = u32(column) < IN_WIDTH;
    let place = (row * IN_WIDTH + select(0u, u32(column), inside)) * OUT_VECTORS + k;
    values[j] = select(Vector(), Vector(input[place]), inside);
  }
  return values;
}

alias Sums = array<Vector, FILTER_WIDTH>;

fn multiply(sums: ptr<function, Sums>, values: Values, row: u32, pixel: u32, k: u32) {
  /* unroll */ for (var i = 0u; i < PIXELS; i++) {
    let incoming = block_gradient(row, pixel, i, k);
    /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
      sums[s] += values[i * STRIDE_WIDTH + s * DILATION_WIDTH] * incoming;
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * THREADS + local;
  let k = element % OUT_VECTORS;
  let r = element / OUT_VECTORS % FILTER_HEIGHT;
  let slice = element / OUT_VECTORS / FILTER_HEIGHT;
  if (slice >= SLICES) {
    return;
  }
  var sums: Sums;
  let last_row = min((slice + 1u) * SLICE_ROWS, BATCH * OUT_HEIGHT);
  for (var row = slice * SLICE_ROWS; row < last_row; row++) {
    let h = i32(row % OUT_HEIGHT * STRIDE_HEIGHT + r * DILATION_HEIGHT) - PADDING_HEIGHT;
    if (u32(h) >= IN_HEIGHT) {
      continue;
    }
    for (var block = 0u; block < COLUMN_BLOCKS; block++) {
      let pixel = block * PIXELS;
      let values = load_values(row / OUT_HEIGHT * IN_HEIGHT + u32(h), pixel, k);
      multiply(&sums, values, row, pixel, k);
    }
  }
  /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
    output[((slice * FILTER_HEIGHT + r) * FILTER_WIDTH + s) * OUT_VECTORS + k] = sums[s];
  }
}
