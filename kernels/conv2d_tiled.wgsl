// Convolution and IC convolution as a product of tiles in workgroup memory, with the whole epilogue in registers; also the
// input gradient, which is a convolution of the output gradient with the filters turned round (filter_transpose). It uses
// no subgroup operations.
//
//   z[n,p,q,k] = sum over r,s,c of input[n, (p*STRIDE + r*DILATION - PADDING) / UP, ..., g,c] * filters[r,s,c,k]
//   where the division leaves no rest: UP > 1 reads the input as if it had UP - 1 zeros between its pixels.
//   S[n,p,q,g] = the same sum without filter (SUMS 1), or with adjust[g * ADJUST_STRIDE + c] in its place (SUMS 2)
//   output = what shared/convolution_output.wgsl makes of z and S
//
// A workgroup computes BLOCK_PIXELS x BLOCK_CHANNELS outputs, each thread THREAD_PIXELS x THREAD_CHANNELS of them in
// registers. A step multiplies BLOCK_DEPTH input channels of one filter tap; meanwhile the values of the next step are on
// their way from memory. The output pixels of a workgroup have one row modulo UP_HEIGHT and one column modulo UP_WIDTH, and
// so meet the same taps. Window sums are added up from the values on their way to workgroup memory.
//
// A thread loads 4 channels of two neighbouring pixels, which turns them round for 4 stores of a pair each: in workgroup
// memory pixels and output channels are contiguous, and every read brings 4 of either. The one index of a read that is no
// constant comes last, so that an address needs no arithmetic inside a step, and one check of its bounds at most.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// The other bindings are those of shared/convolution_output.wgsl; InputVector and four_channels() are in shared/input_*.wgsl,
// Tile, TilePair and TileVector in shared/tile_*.wgsl.
// Grid: blocks of channels, blocks of pixels, UP_WIDTH and UP_HEIGHT phases, groups.
// Limits: VECTOR divides GROUP_OUT; UP > 1 only with STRIDE 1; THREAD_PIXELS, THREAD_CHANNELS and BLOCK_DEPTH are multiples
// of 4; the threads of a block are a multiple of its vectors of channels and of its pixels in a row of threads.
@group(0) @binding(0) var<storage, read_write> input: array<InputVector>;
@group(0) @binding(1) var<storage, read_write> filters: array<Vector>;

const ROWS = BLOCK_PIXELS / THREAD_PIXELS;
const COLUMNS = BLOCK_CHANNELS / THREAD_CHANNELS;
const THREADS = ROWS * COLUMNS;
const PIXEL_FOURS = THREAD_PIXELS / 4u;
const THREAD_VECTORS = THREAD_CHANNELS / VECTOR;

const DEPTH_FOURS = BLOCK_DEPTH / 4u;
const BLOCK_PAIRS = BLOCK_PIXELS / 2u;
const PAIR_STEP = THREADS / DEPTH_FOURS;
const PAIR_LOADS = (BLOCK_PAIRS + PAIR_STEP - 1u) / PAIR_STEP;
const PIXEL_LOADS = 2u * PAIR_LOADS;
const BLOCK_VECTORS = BLOCK_CHANNELS / VECTOR;
const FILTER_STEP = THREADS / BLOCK_VECTORS;
const FILTER_LOADS = (BLOCK_DEPTH + FILTER_STEP - 1u) / FILTER_STEP;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;
const STEPS = TAPS * ((GROUP_IN + BLOCK_DEPTH - 1u) / BLOCK_DEPTH);
const PHASE_HEIGHT = (OUT_HEIGHT + UP_HEIGHT - 1u) / UP_HEIGHT;
const PHASE_WIDTH = (OUT_WIDTH + UP_WIDTH - 1u) / UP_WIDTH;
const IN_VECTORS = GROUPS * GROUP_IN / INPUT_VECTOR;
const LAST_INPUT = BATCH * IN_HEIGHT * IN_WIDTH * IN_VECTORS - 1u;

// [channel][four pixels][row of threads][half of the four]
var<workgroup> pixel_tile: array<array<array<array<TilePair, 2>, ROWS>, PIXEL_FOURS>, BLOCK_DEPTH>;
var<workgroup> filter_tile: array<array<array<TileVector, COLUMNS>, THREAD_VECTORS>, BLOCK_DEPTH>;
// What each thread that loads a pixel made of its window sum.
var<workgroup> sum_tile: array<array<f32, DEPTH_FOURS>, BLOCK_PIXELS>;
// What each row of threads stored.
var<workgroup> moment_tile: array<array<Moments, COLUMNS>, ROWS>;

// Where in the block pixel i of a row of threads is.
fn block_pixel(i: u32, row: u32) -> u32 {
  return (i / 4u * ROWS + row) * 4u + i % 4u;
}

// Where in the block the pixel of a thread's load is; from BLOCK_PIXELS on the thread has nothing to load.
fn loaded_pixel(load: u32, local: u32) -> u32 {
  return (local / DEPTH_FOURS + load / 2u * PAIR_STEP) * 2u + load % 2u;
}

fn multiply(z: ptr<function, array<Vector, THREAD_PIXELS * THREAD_VECTORS>>, row: u32, column: u32) {
  var products: array<TileVector, THREAD_PIXELS * THREAD_VECTORS>;
  /* unroll */ for (var d = 0u; d < BLOCK_DEPTH; d++) {
    var values: array<Tile, THREAD_PIXELS>;
    /* unroll */ for (var i = 0u; i < THREAD_PIXELS; i++) {
      values[i] = pixel_tile[d][i / 4u][row][i / 2u % 2u][i % 2u];
    }
    /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
      let weights = filter_tile[d][j][column];
      /* unroll */ for (var i = 0u; i < THREAD_PIXELS; i++) {
        if (HALF) {
          products[i * THREAD_VECTORS + j] += values[i] * weights;
        } else {
          z[i * THREAD_VECTORS + j] += Vector(values[i] * weights);
        }
      }
    }
  }
  if (HALF) {
    /* unroll */ for (var i = 0u; i < THREAD_PIXELS * THREAD_VECTORS; i++) {
      z[i] += Vector(products[i]);
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  var rest = workgroup_index(workgroup);
  if (rest >= WORKGROUPS) {
    return;
  }
  let channel_block = rest % CHANNEL_BLOCKS;
  rest /= CHANNEL_BLOCKS;
  let first_pixel = rest % PIXEL_BLOCKS * BLOCK_PIXELS;
  rest /= PIXEL_BLOCKS;
  let phase_column = rest % UP_WIDTH;
  rest /= UP_WIDTH;
  let phase_row = rest % UP_HEIGHT;
  let group = rest / UP_HEIGHT;

  let row = local / COLUMNS;
  let column = local % COLUMNS;
  let load_four = local % DEPTH_FOURS;
  let load_pair = local / DEPTH_FOURS;
  let load_depth = local / BLOCK_VECTORS;
  let load_vector = local % BLOCK_VECTORS;
  let load_k = group * GROUP_VECTORS + min(channel_block * BLOCK_VECTORS + load_vector, GROUP_VECTORS - 1u);

  var z: array<Vector, THREAD_PIXELS * THREAD_VECTORS>;
  var sums: array<f32, PIXEL_LOADS>;
  var filled = false;
  for (var tap = 0u; tap < TAPS; tap++) {
    let tall = i32(phase_row + tap / FILTER_WIDTH * DILATION_HEIGHT) - PADDING_HEIGHT;
    let wide = i32(phase_column + tap % FILTER_WIDTH * DILATION_WIDTH) - PADDING_WIDTH;
    if ((tall % i32(UP_HEIGHT) != 0) | (wide % i32(UP_WIDTH) != 0)) {
      continue;
    }
    var inside: array<bool, PIXEL_LOADS>;
    var offsets: array<u32, PIXEL_LOADS>;
    /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
      let pixel = first_pixel + loaded_pixel(l, local);
      let n = pixel / (PHASE_HEIGHT * PHASE_WIDTH);
      let h = i32(pixel / PHASE_WIDTH % PHASE_HEIGHT * STRIDE_HEIGHT) + tall / i32(UP_HEIGHT);
      let w = i32(pixel % PHASE_WIDTH * STRIDE_WIDTH) + wide / i32(UP_WIDTH);
      inside[l] = (n < BATCH) & (u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH);
      offsets[l] = select(0u, ((n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w)) * IN_VECTORS, inside[l]);
      offsets[l] += (group * GROUP_IN + load_four * 4u) / INPUT_VECTOR;
    }
    let first_filter = tap * GROUP_IN * OUT_VECTORS + load_k;
    let last_filter = first_filter + (GROUP_IN - 1u) * OUT_VECTORS;
    let filter_offset = first_filter + load_depth * OUT_VECTORS;

    for (var c = 0u; c < GROUP_IN; c += BLOCK_DEPTH) {
      let channel = c + load_four * 4u;
      var values: array<vec4<f32>, PIXEL_LOADS>;
      /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
        values[l] = four_channels(offsets[l] + c / INPUT_VECTOR);
      }
      var weights: array<Vector, FILTER_LOADS>;
      /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
        let offset = filter_offset + (c + l * FILTER_STEP) * OUT_VECTORS;
        weights[l] = filters[select(min(offset, last_filter), offset, GROUP_IN % BLOCK_DEPTH == 0u)];
      }
      var sum_weights = vec4<f32>(1.0);
      if (SUMS == 2u) {
        /* unroll */ for (var e = 0u; e < 4u; e++) {
          sum_weights[e] = adjust[group * ADJUST_STRIDE + min(channel + e, GROUP_IN - 1u)];
        }
      }

      // Workgroup memory starts as zeros. Among many steps one that multiplies these costs less than a branch, behind which
      // compilers move the loads.
      if ((STEPS > 32u) | filled) {
        multiply(&z, row, column);
      }
      filled = true;

      workgroupBarrier();
      /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
        values[l] = select(vec4<f32>(), values[l], inside[l]);
        if (GROUP_IN % BLOCK_DEPTH != 0u) {
          values[l] = select(vec4<f32>(), values[l], vec4<u32>(0, 1, 2, 3) + channel < vec4<u32>(GROUP_IN));
        }
        if (SUMS == 1u) {
          sums[l] += (values[l].x + values[l].y) + (values[l].z + values[l].w);
        }
        if (SUMS == 2u) {
          sums[l] += dot(values[l], sum_weights);
        }
      }
      /* unroll */ for (var l = 0u; l < PAIR_LOADS; l++) {
        let pair = load_pair + l * PAIR_STEP;
        if ((BLOCK_PAIRS % PAIR_STEP == 0u) | (pair < BLOCK_PAIRS)) {
          /* unroll */ for (var e = 0u; e < 4u; e++) {
            let value = TilePair(vec2<f32>(values[2u * l][e], values[2u * l + 1u][e]));
            pixel_tile[load_four * 4u + e][pair / 2u / ROWS][pair / 2u % ROWS][pair % 2u] = value;
          }
        }
      }
      /* unroll */ for (var l = 0u; l < FILTER_LOADS; l++) {
        if ((BLOCK_DEPTH % FILTER_STEP == 0u) | (load_depth + l * FILTER_STEP < BLOCK_DEPTH)) {
          filter_tile[load_depth + l * FILTER_STEP][load_vector / COLUMNS][load_vector % COLUMNS] = TileVector(weights[l]);
        }
      }
      workgroupBarrier();
    }
  }
  if (filled) {
    multiply(&z, row, column);
  }

  if (SUMS != 0u) {
    /* unroll */ for (var l = 0u; l < PIXEL_LOADS; l++) {
      if ((BLOCK_PAIRS % PAIR_STEP == 0u) | (loaded_pixel(l, local) < BLOCK_PIXELS)) {
        sum_tile[loaded_pixel(l, local)][load_four] = sums[l];
      }
    }
    workgroupBarrier();
  }
  /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
    let block_vector = channel_block * BLOCK_VECTORS + j * COLUMNS + column;
    let k = group * GROUP_VECTORS + block_vector;
    var moments: Moments;
    if (block_vector < GROUP_VECTORS) {
      let terms = channel_terms(k);
      /* unroll */ for (var i = 0u; i < THREAD_PIXELS; i++) {
        let pixel = first_pixel + block_pixel(i, row);
        let n = pixel / (PHASE_HEIGHT * PHASE_WIDTH);
        let p = pixel / PHASE_WIDTH % PHASE_HEIGHT * UP_HEIGHT + phase_row;
        let q = pixel % PHASE_WIDTH * UP_WIDTH + phase_column;
        if ((n < BATCH) & (p < OUT_HEIGHT) & (q < OUT_WIDTH)) {
          var sum = 0.0;
          if (SUMS != 0u) {
            /* unroll */ for (var d = 0u; d < DEPTH_FOURS; d++) {
              sum += sum_tile[block_pixel(i, row)][d];
            }
          }
          let out_pixel = (n * OUT_HEIGHT + p) * OUT_WIDTH + q;
          let stored = store_output(out_pixel, group, k, z[i * THREAD_VECTORS + j], sum, terms);
          if (STATISTICS) {
            moments = with_value(moments, stored);
          }
          if (STORE_SUMS) {
            if (block_vector == 0u) {
              window_sums[out_pixel * GROUPS + group] = sum;
            }
          }
        }
      }
    }
    if (STATISTICS) {
      moment_tile[row][column] = moments;
      workgroupBarrier();
      if ((row == 0u) & (block_vector < GROUP_VECTORS)) {
        for (var other = 1u; other < ROWS; other++) {
          moments = with_moments(moments, moment_tile[other][column]);
        }
        store_moments(first_pixel / BLOCK_PIXELS, k, moments);
      }
      workgroupBarrier();
    }
  }
}
