// Convolution and IC convolution as a product of tiles in workgroup memory, with the whole epilogue in registers; also the
// input gradient, which is a convolution of the output gradient with the filters turned round. It uses no subgroup operations.
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
// A thread loads 4 channels of two neighbouring pixels, which turns them round for 4 stores of a pair each: in workgroup
// memory pixels and output channels are contiguous, and every read brings 4 of either.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], or turned: shared/tile_filters_*.wgsl
// The other bindings are those of shared/convolution_output.wgsl; InputVector and four_channels() are in shared/input_*.wgsl,
// Tile, TilePair and TileVector in shared/tile_f*.wgsl, multiply() in shared/tile_product.wgsl.
// Grid: blocks of channels, blocks of pixels, UP_WIDTH and UP_HEIGHT phases, groups, splits.
// Limits: VECTOR divides GROUP_OUT; UP > 1 only with STRIDE 1; THREAD_ROWS, THREAD_COLUMNS and BLOCK_DEPTH are multiples
// of 4; the threads of a block are a multiple of its vectors of channels and of BLOCK_DEPTH / 4.
@group(0) @binding(0) var<storage, read_write> input: array<InputVector>;
@group(0) @binding(1) var<storage, read_write> filters: array<FilterValue>;

const BLOCK_PAIRS = BLOCK_ROWS / 2u;
const PAIR_STEP = TILE_THREADS / DEPTH_FOURS;
const PAIR_LOADS = (BLOCK_PAIRS + PAIR_STEP - 1u) / PAIR_STEP;
const PIXEL_LOADS = 2u * PAIR_LOADS;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;
const WHOLE_STEPS = GROUP_IN % BLOCK_DEPTH == 0u;
const DEPTH_STEPS = (GROUP_IN + BLOCK_DEPTH - 1u) / BLOCK_DEPTH;
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

// Where in the block the pixel of a thread's load is; from BLOCK_ROWS on the thread has nothing to load.
fn loaded_pixel(load: u32, local: u32) -> u32 {
  return (local / DEPTH_FOURS + load / 2u * PAIR_STEP) * 2u + load % 2u;
}

// The input pixels that a thread loads for a tap: whether they are in the image, and where.
struct Pixels {
  inside: array<bool, PIXEL_LOADS>,
  places: array<u32, PIXEL_LOADS>,
}

fn pixels_under(block: Block, down: i32, right: i32, local: u32) -> Pixels {
  var pixels: Pixels;
  /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
    let pixel = block.first_pixel + loaded_pixel(l, local);
    let n = pixel / (PHASE_HEIGHT * PHASE_WIDTH);
    let h = i32(pixel / PHASE_WIDTH % PHASE_HEIGHT * STRIDE_HEIGHT) + down / i32(UP_HEIGHT);
    let w = i32(pixel % PHASE_WIDTH * STRIDE_WIDTH) + right / i32(UP_WIDTH);
    pixels.inside[l] = (n < BATCH) & (u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH);
    pixels.places[l] = select(0u, ((n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w)) * IN_VECTORS, pixels.inside[l]);
    pixels.places[l] += (block.group * GROUP_IN + local % DEPTH_FOURS * 4u) / INPUT_VECTOR;
  }
  return pixels;
}

fn store_pixels(values: array<vec4<Element>, PIXEL_LOADS>, local: u32) {
  /* unroll */ for (var l = 0u; l < PAIR_LOADS; l++) {
    let pair = local / DEPTH_FOURS + l * PAIR_STEP;
    if ((BLOCK_PAIRS % PAIR_STEP == 0u) | (pair < BLOCK_PAIRS)) {
      /* unroll */ for (var e = 0u; e < 4u; e++) {
        let value = TilePair(vec2<Element>(values[2u * l][e], values[2u * l + 1u][e]));
        row_tile[local % DEPTH_FOURS][e][pair / 2u / ROW_THREADS][pair / 2u % ROW_THREADS][pair % 2u] = value;
      }
    }
  }
}

fn store_results(block: Block, z: array<Vector, RESULTS>, row: u32, column: u32) {
  /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
    let block_vector = block.channels * BLOCK_VECTORS + j * COLUMN_THREADS + column;
    let k = block.group * GROUP_VECTORS + block_vector;
    var moments: Moments;
    if (block_vector < GROUP_VECTORS) {
      let terms = channel_terms(k);
      /* unroll */ for (var i = 0u; i < THREAD_ROWS; i++) {
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

@compute @workgroup_size(TILE_THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup);
  if (index >= WORKGROUPS) {
    return;
  }
  let block = block_of(index);
  let row = local / COLUMN_THREADS;
  let column = local % COLUMN_THREADS;

  var z: array<Vector, RESULTS>;
  var sums: array<f32, PIXEL_LOADS>;
  var filled = false;
  var steps = 0u;
  for (var tap = 0u; tap < TAPS; tap++) {
    let down = i32(block.phase_row + tap / FILTER_WIDTH * DILATION_HEIGHT) - PADDING_HEIGHT;
    let right = i32(block.phase_column + tap % FILTER_WIDTH * DILATION_WIDTH) - PADDING_WIDTH;
    if ((down % i32(UP_HEIGHT) != 0) | (right % i32(UP_WIDTH) != 0)) {
      continue;
    }
    var first = 0u;
    var end = GROUP_IN;
    if (SPLITS > 1u) {
      let split_steps = clamp(vec2(block.split, block.split + 1u) * SPLIT_STEPS, vec2(steps), vec2(steps + DEPTH_STEPS));
      first = (split_steps.x - steps) * BLOCK_DEPTH;
      end = (split_steps.y - steps) * BLOCK_DEPTH;
      steps += DEPTH_STEPS;
    }
    let pixels = pixels_under(block, down, right, local);
    let filter_offsets = filter_places(tap, block.group, block.channels, local);

    for (var c = first; c < end; c += BLOCK_DEPTH) {
      let channel = c + local % DEPTH_FOURS * 4u;
      var values: array<vec4<Element>, PIXEL_LOADS>;
      /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
        values[l] = four_channels(pixels.places[l] + c / INPUT_VECTOR);
      }
      var weights: array<FilterLoad, FILTER_LOADS>;
      /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
        weights[l] = load_filter(filter_offsets[l], c, local);
      }
      var sum_weights = vec4<f32>(1.0);
      if (SUMS == 2u) {
        /* unroll */ for (var e = 0u; e < 4u; e++) {
          sum_weights[e] = adjust[block.group * ADJUST_STRIDE + min(channel + e, GROUP_IN - 1u)];
        }
      }

      // Workgroup memory starts as zeros. Among many steps one that multiplies these costs less than a branch, behind which
      // compilers move the loads.
      if ((TAPS * DEPTH_STEPS > 32u * SPLITS) | filled) {
        multiply(&z, row, column);
      }
      filled = true;

      workgroupBarrier();
      /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
        values[l] = select(vec4<Element>(), values[l], pixels.inside[l]);
        if (!WHOLE_STEPS) {
          values[l] = select(vec4<Element>(), values[l], vec4<u32>(0, 1, 2, 3) + channel < vec4<u32>(GROUP_IN));
        }
        if (SUMS == 1u) {
          let terms = vec4<f32>(values[l]);
          sums[l] += (terms.x + terms.y) + (terms.z + terms.w);
        }
        if (SUMS == 2u) {
          sums[l] += dot(vec4<f32>(values[l]), sum_weights);
        }
      }
      store_pixels(values, local);
      /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
        store_filter(l, local, weights[l]);
      }
      workgroupBarrier();
    }
  }
  if (filled) {
    multiply(&z, row, column);
  }
  if (SPLITS > 1u) {
    if (!filled) {
      return;
    }
  }

  if (SUMS != 0u) {
    /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
      if ((BLOCK_PAIRS % PAIR_STEP == 0u) | (loaded_pixel(l, local) < BLOCK_ROWS)) {
        sum_tile[loaded_pixel(l, local)][local % DEPTH_FOURS] = sums[l];
      }
    }
    workgroupBarrier();
  }
  store_results(block, z, row, column);
}
