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
@group(0) @binding(0) var<storage, read_write> input: array<Vector>;
@group(0) @binding(1) var<storage, read_write> filters: array<Vector>;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;

// What a thread computes: a vector of channels of a block of an image's outputs.
struct Block {
  k: u32,
  column: u32,
  row: u32,
  image: u32,
}

fn block_of(index: u32) -> Block {
  var block: Block;
  var rest = index;
  block.k = rest % OUT_VECTORS;
  rest /= OUT_VECTORS;
  block.column = rest % COLUMN_BLOCKS;
  rest /= COLUMN_BLOCKS;
  block.row = rest % ROW_BLOCKS;
  block.image = rest / ROW_BLOCKS;
  return block;
}

// The columns of the input under a block: whether they are in the image, and where in its rows.
struct Columns {
  inside: array<bool, COLUMNS>,
  offsets: array<u32, COLUMNS>,
}

fn columns_under(block: Block) -> Columns {
  let first = i32(block.column * PIXELS * STRIDE_WIDTH / UP_WIDTH) + FIRST_COLUMN;
  var columns: Columns;
  /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
    let w = first + i32(j);
    columns.inside[j] = u32(w) < IN_WIDTH;
    columns.offsets[j] = select(0u, u32(w) * OUT_VECTORS, columns.inside[j]) + block.k;
  }
  return columns;
}

fn load_weights(r: u32, k: u32) -> array<Vector, FILTER_WIDTH> {
  var weights: array<Vector, FILTER_WIDTH>;
  /* unroll */ for (var s = 0u; s < FILTER_WIDTH; s++) {
    let tap = r * FILTER_WIDTH + s;
    weights[s] = filters[select(tap, TAPS - 1u - tap, TURNED) * OUT_VECTORS + k];
  }
  return weights;
}

alias Results = array<Vector, ROWS * PIXELS>;

// Adds what input row i under a block, with these values, is to each of its output rows.
fn add_row(z: ptr<function, Results>, sums: ptr<function, Results>, values: array<Vector, COLUMNS>, i: u32, k: u32) {
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    // The filter row that brings input row i to output row b.
    let reach = i * UP_HEIGHT - (b * STRIDE_HEIGHT + ROW_SHIFT);
    let r = reach / DILATION_HEIGHT;
    if ((reach % DILATION_HEIGHT == 0u) & (r < FILTER_HEIGHT)) {
      let weights = load_weights(r, k);
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

// What a channel's window sum counts for.
fn sum_factor(k: u32) -> Vector {
  var factor = splat(1.0);
  if (SUMS == 2u) {
    /* unroll */ for (var e = 0u; e < VECTOR; e++) {
      factor = set_component(factor, e, adjust[k * VECTOR + e]);
    }
  }
  return factor;
}

fn store_results(block: Block, z: Results, sums: Results) {
  let terms = channel_terms(block.k);
  let factor = sum_factor(block.k);
  var moments: Moments;
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    let p = block.row * ROWS + b;
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      let q = block.column * PIXELS + i;
      if ((p < OUT_HEIGHT) & (q < OUT_WIDTH)) {
        let pixel = (block.image * OUT_HEIGHT + p) * OUT_WIDTH + q;
        let sum = sums[b * PIXELS + i] * factor;
        let stored = store_output(pixel, 0u, block.k, z[b * PIXELS + i], sum, terms);
        if (STATISTICS) {
          moments = with_value(moments, stored);
        }
        if (STORE_SUMS) {
          window_sums[pixel * OUT_VECTORS + block.k] = sum;
        }
      }
    }
  }
  if (STATISTICS) {
    store_moments((block.image * ROW_BLOCKS + block.row) * COLUMN_BLOCKS + block.column, block.k, moments);
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup) * THREADS + local;
  if (index >= BATCH * ROW_BLOCKS * COLUMN_BLOCKS * OUT_VECTORS) {
    return;
  }
  let block = block_of(index);
  let columns = columns_under(block);
  let first_row = i32(block.row * ROWS * STRIDE_HEIGHT / UP_HEIGHT) + FIRST_ROW;
  var z: Results;
  var sums: Results;
  for (var i = 0u; i < ROWS_IN; i++) {
    let h = first_row + i32(i);
    if (u32(h) >= IN_HEIGHT) {
      continue;
    }
    let row_start = (block.image * IN_HEIGHT + u32(h)) * IN_WIDTH * OUT_VECTORS;
    var values: array<Vector, COLUMNS>;
    /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
      values[j] = select(Vector(), input[row_start + columns.offsets[j]], columns.inside[j]);
    }
    add_row(&z, &sums, values, i, block.k);
  }
  store_results(block, z, sums);
}
