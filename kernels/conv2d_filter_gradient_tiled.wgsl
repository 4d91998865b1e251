// Gradient of a convolution with respect to its filters as a product of tiles in workgroup memory, the reduction split over
// slices of pixels. Threads multiply, without subgroup operations, or with MATRIX_UNITS the matrix units of subgroups.
//
//   output[slice, r,s,c,k] = sum over the output pixels (n,p,q) of the slice of
//                            input[n, p*STRIDE+r*DILATION-PADDING, ..., g,c] * gradient[n,p,q,k]
//
// sum_slices adds the slices up. Rows of the product are input channels of filter taps, of each tap four and four: with a number
// that does not divide by 4 the last ones are idle. Columns are output channels. A step multiplies BLOCK_DEPTH output pixels;
// meanwhile the values of the next step are on their way from memory, four channels of a pixel a load.
//
// input     [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// gradient  [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS * GROUP_OUT], of the convolution's output z
// output    [SLICES, FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], overwritten
// InputVector and four_channels() are in shared/input_*.wgsl, multiply() and what belongs to it in shared/tile_product.wgsl or
// shared/matrix_product.wgsl.
// Grid: blocks of output channels, blocks of rows, groups, slices of SLICE_PIXELS pixels.
// Limits: VECTOR divides GROUP_OUT; BLOCK_ROWS and BLOCK_DEPTH are multiples of 4; the threads of a block are a multiple of
// BLOCK_ROWS / 4 and of its vectors of columns; BLOCK_DEPTH divides SLICE_PIXELS.
@group(0) @binding(0) var<storage, read_write> input: array<InputVector>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(2) var<storage, read_write> output: array<Vector>;

const GROUP_VECTORS = GROUP_OUT / VECTOR;
const OUT_VECTORS = GROUPS * GROUP_VECTORS;
const IN_VECTORS = GROUPS * GROUP_IN / INPUT_VECTOR;
const LAST_INPUT = BATCH * IN_HEIGHT * IN_WIDTH * IN_VECTORS - 1u;
const WHOLE_STEPS = true;
const OUT_PIXELS = BATCH * OUT_HEIGHT * OUT_WIDTH;

// Fours of input channels, of a tap and of all.
const TAP_FOURS = (GROUP_IN + 3u) / 4u;
const FOURS = FILTER_HEIGHT * FILTER_WIDTH * TAP_FOURS;
const BLOCK_FOURS = BLOCK_ROWS / 4u;
const INPUT_STEP = TILE_THREADS / BLOCK_FOURS;
const INPUT_LOADS = (BLOCK_DEPTH + INPUT_STEP - 1u) / INPUT_STEP;
const GRADIENT_STEP = TILE_THREADS / BLOCK_VECTORS;
const GRADIENT_LOADS = (BLOCK_DEPTH + GRADIENT_STEP - 1u) / GRADIENT_STEP;

// The input that a thread loads: of a filter tap four channels, for one pixel of a step after the other.
struct Source {
  down: i32,
  right: i32,
  channel: u32,
}

fn source_of(four: u32, group: u32) -> Source {
  let tap = four / TAP_FOURS;
  let down = i32(tap / FILTER_WIDTH * DILATION_HEIGHT) - PADDING_HEIGHT;
  let right = i32(tap % FILTER_WIDTH * DILATION_WIDTH) - PADDING_WIDTH;
  return Source(down, right, group * GROUP_IN + four % TAP_FOURS * 4u);
}

fn load_input(source: Source, pixel: u32, end: u32) -> vec4<Element> {
  let row = pixel / OUT_WIDTH;
  let n = row / OUT_HEIGHT;
  let h = i32((row - n * OUT_HEIGHT) * STRIDE_HEIGHT) + source.down;
  let w = i32((pixel - row * OUT_WIDTH) * STRIDE_WIDTH) + source.right;
  let inside = (pixel < end) & (u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH);
  let place = select(0u, ((n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w)) * IN_VECTORS, inside);
  return select(vec4<Element>(), four_channels(place + source.channel / INPUT_VECTOR), inside);
}

// Behind the last pixel that one again, which meets zeros.
fn load_gradient(k: u32, pixel: u32, end: u32) -> Stored {
  return gradient[min(pixel, end - 1u) * OUT_VECTORS + k];
}

// The terms in the tiles that a thread's loads are.
struct Places {
  rows: array<vec2<u32>, INPUT_LOADS>,
  columns: array<vec2<u32>, GRADIENT_LOADS>,
}

fn places_of(local: u32) -> Places {
  var places: Places;
  /* unroll */ for (var l = 0u; l < INPUT_LOADS; l++) {
    places.rows[l] = depth_place(local / BLOCK_FOURS, l, INPUT_STEP);
  }
  /* unroll */ for (var l = 0u; l < GRADIENT_LOADS; l++) {
    places.columns[l] = depth_place(local / BLOCK_VECTORS, l, GRADIENT_STEP);
  }
  return places;
}

fn store_rows(values: array<vec4<Element>, INPUT_LOADS>, places: Places, local: u32) {
  /* unroll */ for (var l = 0u; l < INPUT_LOADS; l++) {
    let depth = places.rows[l];
    if ((BLOCK_DEPTH % INPUT_STEP == 0u) | (depth.x < DEPTH_FOURS)) {
      store_row_four(depth, local % BLOCK_FOURS, values[l]);
    }
  }
}

fn store_columns(values: array<Stored, GRADIENT_LOADS>, places: Places, local: u32) {
  /* unroll */ for (var l = 0u; l < GRADIENT_LOADS; l++) {
    let depth = places.columns[l];
    if ((BLOCK_DEPTH % GRADIENT_STEP == 0u) | (depth.x < DEPTH_FOURS)) {
      store_column_vector(depth, local % BLOCK_VECTORS, values[l]);
    }
  }
}

// Stores a thread's results as one slice of the gradient.
fn store_results(z: array<Vector, RESULTS>, slice: u32, first_four: u32, first_vector: u32, group: u32, place: vec2<u32>) {
  /* unroll */ for (var i = 0u; i < RESULT_ROWS; i++) {
    let row = block_row(i, place.x);
    let four = first_four + row / 4u;
    let c = four % TAP_FOURS * 4u + row % 4u;
    if ((four < FOURS) & (c < GROUP_IN)) {
      let filter_row = (slice * FILTER_HEIGHT * FILTER_WIDTH + four / TAP_FOURS) * GROUP_IN + c;
      /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
        let vector = first_vector + column_vector(j, place.y);
        if (vector < GROUP_VECTORS) {
          output[filter_row * OUT_VECTORS + group * GROUP_VECTORS + vector] = z[i * THREAD_VECTORS + j];
        }
      }
    }
  }
}

@compute @workgroup_size(TILE_THREADS) /* PINNED: @subgroup_size(SUBGROUP) */
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32,
        /* MATRIX_UNITS: @builtin(subgroup_id) subgroup: u32, */) {
  var rest = workgroup_index(workgroup);
  if (rest >= WORKGROUPS) {
    return;
  }
  let first_vector = rest % OUT_BLOCKS * BLOCK_VECTORS;
  rest /= OUT_BLOCKS;
  let first_four = rest % IN_BLOCKS * BLOCK_FOURS;
  rest /= IN_BLOCKS;
  let group = rest % GROUPS;
  let slice = rest / GROUPS;
  let end = min((slice + 1u) * SLICE_PIXELS, OUT_PIXELS);

  let source = source_of(min(first_four + local % BLOCK_FOURS, FOURS - 1u), group);
  let k = group * GROUP_VECTORS + min(first_vector + local % BLOCK_VECTORS, GROUP_VECTORS - 1u);
  let places = places_of(local);
  let place = thread_place(local);
  var z: Products;
  for (var pixel = slice * SLICE_PIXELS; pixel < end; pixel += BLOCK_DEPTH) {
    var values: array<vec4<Element>, INPUT_LOADS>;
    /* unroll */ for (var l = 0u; l < INPUT_LOADS; l++) {
      values[l] = load_input(source, pixel + local / BLOCK_FOURS + l * INPUT_STEP, end);
    }
    var gradients: array<Stored, GRADIENT_LOADS>;
    /* unroll */ for (var l = 0u; l < GRADIENT_LOADS; l++) {
      gradients[l] = load_gradient(k, pixel + local / BLOCK_VECTORS + l * GRADIENT_STEP, end);
    }
    // What the step before has stored; workgroup memory starts as zeros.
    multiply(&z, place /* MATRIX_UNITS: , subgroup */);
    workgroupBarrier();
    store_rows(values, places, local);
    store_columns(gradients, places, local);
    workgroupBarrier();
  }
  multiply(&z, place /* MATRIX_UNITS: , subgroup */);
  let results = results_of(&z /* MATRIX_UNITS: , local, subgroup */);
  store_results(results, slice, first_four, first_vector, group, place);
}
