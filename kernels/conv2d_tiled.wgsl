// Convolution and IC convolution as a product of tiles in workgroup memory, with the whole epilogue in registers; also the
// input gradient, which is a convolution of the output gradient with the filters turned round. Threads multiply, without subgroup
// operations, or with MATRIX_UNITS the matrix units of subgroups.
//
//   z[n,p,q,k] = sum over r,s,c of input[n, (p*STRIDE + r*DILATION - PADDING) / UP, ..., g,c] * filters[r,s,c,k]
//   where the division leaves no rest: UP > 1 reads the input as if it had UP - 1 zeros between its pixels.
//   S[n,p,q,g] = the same sum without filter (SUMS 1), or with adjust[g * ADJUST_STRIDE + c] in its place (SUMS 2)
//   output = what shared/convolution_output.wgsl makes of z and S
//
// Rows of the product are output pixels, columns output channels. A step multiplies BLOCK_DEPTH input channels of one filter
// tap; meanwhile the values of the next step are on their way from memory. The output pixels of a workgroup have one row modulo
// UP_HEIGHT and one column modulo UP_WIDTH, and so meet the same taps. Window sums are added up from the values on their way
// to workgroup memory.
//
// With SPLITS > 1 a workgroup makes SPLIT_STEPS of the steps alone, and output and window_sums are [SPLITS, ...] of z and S as
// they are; conv2d_split_output adds them up. Where pixels meet fewer taps, the last splits have no steps and store nothing.
//
// A thread loads 4 channels of two neighbouring pixels; how they lie in workgroup memory is the product's.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], or turned: shared/tile_filters_*.wgsl
// The other bindings are those of shared/convolution_output.wgsl; InputVector and four_channels() are in shared/input_*.wgsl,
// multiply() and what belongs to it in shared/tile_product.wgsl or shared/matrix_product.wgsl.
// Grid: blocks of channels, blocks of pixels, UP_WIDTH and UP_HEIGHT phases, groups, splits.
// Limits: VECTOR divides GROUP_OUT; UP > 1 only with STRIDE 1; BLOCK_DEPTH is a multiple of 4; the threads of a block are a
// multiple of its vectors of channels and of BLOCK_DEPTH / 4.
@group(0) @binding(0) var<storage, read_write> input: array<InputVector>;
@group(0) @binding(1) var<storage, read_write> filters: array<FilterValue>;

const BLOCK_PAIRS = BLOCK_ROWS / 2u;
const PAIR_STEP = TILE_THREADS / DEPTH_FOURS;
const PAIR_LOADS = (BLOCK_PAIRS + PAIR_STEP - 1u) / PAIR_STEP;
const PIXEL_LOADS = 2u * PAIR_LOADS;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;
const WHOLE_STEPS = GROUP_IN % BLOCK_DEPTH == 0u;
const DEPTH_STEPS = (GROUP_IN + BLOCK_DEPTH - 1u) / BLOCK_DEPTH;
// Workgroup memory starts as zeros. Among many steps one that multiplies these costs less than a branch, behind which compilers
// move the loads.
const MULTIPLIES_ZEROS = TAPS * DEPTH_STEPS > 32u * SPLITS;
// Of a tap in a split: a loop that ends at a constant needs no guard against going on for ever.
const MOST_STEPS = min(DEPTH_STEPS, SPLIT_STEPS);
const PHASE_HEIGHT = (OUT_HEIGHT + UP_HEIGHT - 1u) / UP_HEIGHT;
const PHASE_WIDTH = (OUT_WIDTH + UP_WIDTH - 1u) / UP_WIDTH;
const OUT_PIXELS = BATCH * OUT_HEIGHT * OUT_WIDTH;
const IN_VECTORS = GROUPS * GROUP_IN / INPUT_VECTOR;
const LAST_INPUT = BATCH * IN_HEIGHT * IN_WIDTH * IN_VECTORS - 1u;

// What each thread that loads a pixel made of its window sum.
var<workgroup> sum_tile: array<array<f32, DEPTH_FOURS>, BLOCK_ROWS>;
// What each row of threads stored.
var<workgroup> moment_tile: array<array<Moments, COLUMN_THREADS>, ROW_THREADS>;

// What a workgroup computes.
struct Block {
  channels: u32,
  first_pixel: u32,
  phase_column: u32,
  phase_row: u32,
  group: u32,
  split: u32,
}

fn block_of(index: u32) -> Block {
  var block: Block;
  var rest = index;
  block.channels = rest % CHANNEL_BLOCKS;
  rest /= CHANNEL_BLOCKS;
  block.first_pixel = rest % PIXEL_BLOCKS * BLOCK_ROWS;
  rest /= PIXEL_BLOCKS;
  block.phase_column = rest % UP_WIDTH;
  rest /= UP_WIDTH;
  block.phase_row = rest % UP_HEIGHT;
  rest /= UP_HEIGHT;
  block.group = rest % GROUPS;
  block.split = rest / GROUPS;
  return block;
}

// Column and row of the tap under the first output pixel of the block's phase; it may lie beside the input or between its pixels.
fn tap_place(block: Block, tap: u32) -> vec2<i32> {
  let right = i32(block.phase_column + tap % FILTER_WIDTH * DILATION_WIDTH) - PADDING_WIDTH;
  let down = i32(block.phase_row + tap / FILTER_WIDTH * DILATION_HEIGHT) - PADDING_HEIGHT;
  return vec2(right, down);
}

// Where in the block the pixel of a thread's load is; from BLOCK_ROWS on the thread has nothing to load.
fn loaded_pixel(load: u32, local: u32) -> u32 {
  return (local / DEPTH_FOURS + load / 2u * PAIR_STEP) * 2u + load % 2u;
}

// The input pixels that a thread loads for a tap: whether they are in the image, and where.
struct Pixels {
  inside: array<bool, PIXEL_LOADS>,
  places: array<u32, PIXEL_LOADS>,
}

fn pixels_under(block: Block, place: vec2<i32>, local: u32) -> Pixels {
  var pixels: Pixels;
  /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
    let pixel = block.first_pixel + loaded_pixel(l, local);
    let n = pixel / (PHASE_HEIGHT * PHASE_WIDTH);
    let h = i32(pixel / PHASE_WIDTH % PHASE_HEIGHT * STRIDE_HEIGHT) + place.y / i32(UP_HEIGHT);
    let w = i32(pixel % PHASE_WIDTH * STRIDE_WIDTH) + place.x / i32(UP_WIDTH);
    pixels.inside[l] = (n < BATCH) & (u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH);
    pixels.places[l] = select(0u, ((n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w)) * IN_VECTORS, pixels.inside[l]);
    pixels.places[l] += (block.group * GROUP_IN + local % DEPTH_FOURS * 4u) / INPUT_VECTOR;
  }
  return pixels;
}

alias Values = array<vec4<Element>, PIXEL_LOADS>;

// What a thread loads for a step: four channels of pixels, filters, and what the channels count for in the window sum.
struct Loads {
  values: Values,
  weights: array<FilterLoad, FILTER_LOADS>,
  sum_weights: vec4<f32>,
}

// Input channels of the group from first_channel on, or those of them that this thread loads.
fn load_step(block: Block, pixels: Pixels, places: array<u32, FILTER_LOADS>, first_channel: u32, local: u32) -> Loads {
  var loads: Loads;
  /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
    loads.values[l] = four_channels(pixels.places[l] + first_channel / INPUT_VECTOR);
  }
  /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
    loads.weights[l] = load_filter(places[l], first_channel, local);
  }
  loads.sum_weights = vec4<f32>(1.0);
  if (SUMS == 2u) {
    let channel = first_channel + local % DEPTH_FOURS * 4u;
    /* unroll */ for (var e = 0u; e < 4u; e++) {
      loads.sum_weights[e] = adjust[block.group * ADJUST_STRIDE + min(channel + e, GROUP_IN - 1u)];
    }
  }
  return loads;
}

// Zeros in the place of pixels beyond the image and of channels behind the group's last one, where a thread's first is `channel`.
fn present_values(values: Values, inside: array<bool, PIXEL_LOADS>, channel: u32) -> Values {
  var present: Values;
  /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
    present[l] = select(vec4<Element>(), values[l], inside[l]);
    if (!WHOLE_STEPS) {
      present[l] = select(vec4<Element>(), present[l], vec4<u32>(0, 1, 2, 3) + channel < vec4<u32>(GROUP_IN));
    }
  }
  return present;
}

alias Sums = array<f32, PIXEL_LOADS>;

fn add_sums(sums: ptr<function, Sums>, values: Values, weights: vec4<f32>) {
  /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
    let terms = vec4<f32>(values[l]);
    if (SUMS == 1u) {
      sums[l] += (terms.x + terms.y) + (terms.z + terms.w);
    }
    if (SUMS == 2u) {
      sums[l] += dot(terms, weights);
    }
  }
}

// Brings what each thread made of the window sums to all.
fn share_sums(sums: Sums, local: u32) {
  /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
    if ((BLOCK_PAIRS % PAIR_STEP == 0u) | (loaded_pixel(l, local) < BLOCK_ROWS)) {
      sum_tile[loaded_pixel(l, local)][local % DEPTH_FOURS] = sums[l];
    }
  }
  workgroupBarrier();
}

fn store_pixels(values: Values, local: u32) {
  /* unroll */ for (var l = 0u; l < PAIR_LOADS; l++) {
    let pair = local / DEPTH_FOURS + l * PAIR_STEP;
    if ((BLOCK_PAIRS % PAIR_STEP == 0u) | (pair < BLOCK_PAIRS)) {
      store_row_pair(local % DEPTH_FOURS, pair, values[2u * l], values[2u * l + 1u]);
    }
  }
}

fn store_filters(weights: array<FilterLoad, FILTER_LOADS>, local: u32) {
  /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
    store_filter(l, local, weights[l]);
  }
}

fn store_results(block: Block, z: array<Vector, RESULTS>, row: u32, column: u32) {
  /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
    let block_vector = block.channels * BLOCK_VECTORS + column_vector(j, column);
    let k = block.group * GROUP_VECTORS + block_vector;
    var moments: Moments;
    if (block_vector < GROUP_VECTORS) {
      let terms = channel_terms(k);
      /* unroll */ for (var i = 0u; i < RESULT_ROWS; i++) {
        let pixel = block.first_pixel + block_row(i, row);
        let n = pixel / (PHASE_HEIGHT * PHASE_WIDTH);
        let p = pixel / PHASE_WIDTH % PHASE_HEIGHT * UP_HEIGHT + block.phase_row;
        let q = pixel % PHASE_WIDTH * UP_WIDTH + block.phase_column;
        if ((n < BATCH) & (p < OUT_HEIGHT) & (q < OUT_WIDTH)) {
          var sum = 0.0;
          if (SUMS != 0u) {
            /* unroll */ for (var d = 0u; d < DEPTH_FOURS; d++) {
              sum += sum_tile[block_row(i, row)][d];
            }
          }
          let out_pixel = block.split * OUT_PIXELS + (n * OUT_HEIGHT + p) * OUT_WIDTH + q;
          let stored = store_output(out_pixel, block.group, k, z[i * THREAD_VECTORS + j], sum, terms);
          if (STATISTICS) {
            moments = with_value(moments, stored);
          }
          if (STORE_SUMS) {
            if (block_vector == 0u) {
              window_sums[out_pixel * GROUPS + block.group] = sum;
            }
          }
        }
      }
    }
    if (STATISTICS) {
      moment_tile[row][column] = moments;
      workgroupBarrier();
      if ((row == 0u) & (block_vector < GROUP_VECTORS)) {
        for (var other = 1u; other < ROW_THREADS; other++) {
          moments = with_moments(moments, moment_tile[other][column]);
        }
        store_moments(block.first_pixel / BLOCK_ROWS, k, moments);
      }
      workgroupBarrier();
    }
  }
}

// The steps of a tap that a split makes, from x on, before y; `steps` are those of the taps before.
fn split_steps(split: u32, steps: u32) -> vec2<u32> {
  if (SPLITS > 1u) {
    return clamp(vec2(split, split + 1u) * SPLIT_STEPS, vec2(steps), vec2(steps + DEPTH_STEPS)) - steps;
  } else {
    return vec2(0u, DEPTH_STEPS);
  }
}

@compute @workgroup_size(TILE_THREADS) /* PINNED: @subgroup_size(SUBGROUP) */
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32,
        /* MATRIX_UNITS: @builtin(subgroup_id) subgroup: u32, */) {
  let index = workgroup_index(workgroup);
  if (index >= WORKGROUPS) {
    return;
  }
  let block = block_of(index);
  let place = thread_place(local);
  var z: Products;
  var sums: Sums;
  var filled = false;
  var steps = 0u;
  for (var tap = 0u; tap < TAPS; tap++) {
    let under = tap_place(block, tap);
    if ((under.x % i32(UP_WIDTH) != 0) | (under.y % i32(UP_HEIGHT) != 0)) {
      continue;
    }
    let own_steps = split_steps(block.split, steps);
    steps += DEPTH_STEPS;
    let pixels = pixels_under(block, under, local);
    let filter_offsets = filter_places(tap, block.group, block.channels, local);
    for (var step = 0u; step < MOST_STEPS; step++) {
      if (SPLITS > 1u) {
        if (own_steps.x + step >= own_steps.y) {
          break;
        }
      }
      let c = (own_steps.x + step) * BLOCK_DEPTH;
      let loads = load_step(block, pixels, filter_offsets, c, local);
      if (MULTIPLIES_ZEROS | filled) {
        multiply(&z, place /* MATRIX_UNITS: , subgroup */);
      }
      filled = true;
      workgroupBarrier();
      let values = present_values(loads.values, pixels.inside, c + local % DEPTH_FOURS * 4u);
      add_sums(&sums, values, loads.sum_weights);
      store_pixels(values, local);
      store_filters(loads.weights, local);
      workgroupBarrier();
    }
  }
  if (filled) {
    multiply(&z, place /* MATRIX_UNITS: , subgroup */);
  }
  if (filled | (SPLITS == 1u)) {
    if (SUMS != 0u) {
      share_sums(sums, local);
    }
    store_results(block, results_of(&z /* MATRIX_UNITS: , local, subgroup */), place.x, place.y);
  }
}
