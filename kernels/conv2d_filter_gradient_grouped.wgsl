// Gradient of a convolution of few channels, or of groups of few, with respect to its filters, the reduction split over slices of
// output rows. It uses no subgroup operations and no workgroup memory.
//
//   output[slice, r,s,c,k] = sum over the output rows (n,p) of the slice and over q of
//                            input[n, p*STRIDE+r*DILATION-PADDING, ..., g,c] * gradient[n,p,q,k]
//
// sum_slices adds the slices up. A thread holds one filter row of READ input channels and a vector of output channels of a
// group; for PIXELS neighbouring gradients it loads COLUMNS inputs, each once. Neighbouring threads have neighbouring output
// channels.
//
// input     [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// gradient  [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS * GROUP_OUT], of the convolution's output z
// output    [SLICES, FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], overwritten
// Grid: vectors of output channels, READ input channels of a group, filter rows, slices of SLICE_ROWS rows; THREADS of them a
// workgroup.
// Limits: VECTOR divides GROUP_OUT and READ divides GROUP_IN; PIXELS <= OUT_WIDTH; COLUMNS = (PIXELS - 1) * STRIDE_WIDTH +
// (FILTER_WIDTH - 1) * DILATION_WIDTH + 1.
@group(0) @binding(0) var<storage, read_write> input: array<StoredRead>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(2) var<storage, read_write> output: array<Vector>;

const GROUP_VECTORS = GROUP_OUT / VECTOR;
const OUT_VECTORS = GROUPS * GROUP_VECTORS;
const GROUP_READS = GROUP_IN / READ;
const COLUMN_BLOCKS = (OUT_WIDTH + PIXELS - 1u) / PIXELS;
const IN_READS = GROUPS * GROUP_READS;

// The inputs under a block of output pixels.
alias Values = array<array<f32, READ>, COLUMNS>;

fn load_values(row: u32, pixel: u32, read: u32) -> Values {
  let first_column = i32(block_start(pixel) * STRIDE_WIDTH) - PADDING_WIDTH;
  var values: Values;
  /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
    let column = first_column + i32(j);
    let inside = u32(column) < IN_WIDTH;
    let place = (row * IN_WIDTH + select(0u, u32(column), inside)) * IN_READS + read;
    values[j] = channels_of(select(Read(), Read(input[place]), inside));
  }
  return values;
}

alias Sums = array<Vector, FILTER_WIDTH * READ>;

fn multiply(sums: ptr<function, Sums>, values: Values, row: u32, pixel: u32, k: u32) {
  /* unroll */ for (var i = 0u; i < PIXELS; i++) {
    let incoming = block_gradient(row, pixel, i, k);
    /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
      /* unroll */ for (var c = 0u; c < READ; c++) {
        sums[s * READ + c] += values[i * STRIDE_WIDTH + s * DILATION_WIDTH][c] * incoming;
      }
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  var rest = workgroup_index(workgroup) * THREADS + local;
  let k = rest % OUT_VECTORS;
  rest /= OUT_VECTORS;
  let read = rest % GROUP_READS;
  rest /= GROUP_READS;
  let r = rest % FILTER_HEIGHT;
  let slice = rest / FILTER_HEIGHT;
  if (slice >= SLICES) {
    return;
  }
  let first_read = k / GROUP_VECTORS * GROUP_READS + read;
  var sums: Sums;
  let last_row = min((slice + 1u) * SLICE_ROWS, BATCH * OUT_HEIGHT);
  for (var row = slice * SLICE_ROWS; row < last_row; row++) {
    let h = i32(row % OUT_HEIGHT * STRIDE_HEIGHT + r * DILATION_HEIGHT) - PADDING_HEIGHT;
    if (u32(h) >= IN_HEIGHT) {
      continue;
    }
    for (var block = 0u; block < COLUMN_BLOCKS; block++) {
      let pixel = block * PIXELS;
      let values = load_values(row / OUT_HEIGHT * IN_HEIGHT + u32(h), pixel, first_read);
      multiply(&sums, values, row, pixel, k);
    }
  }
  /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
    /* unroll */ for (var c = 0u; c < READ; c++) {
      let filter_row = ((slice * FILTER_HEIGHT + r) * FILTER_WIDTH + s) * GROUP_IN + read * READ + c;
      output[filter_row * OUT_VECTORS + k] = sums[s * READ + c];
    }
  }
}
