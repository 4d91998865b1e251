// Convolution and IC convolution by values that pass from lane to lane, with the whole epilogue in registers; also the input
// gradient, which is a convolution of the output gradient with the filters turned round.
//
//   z[n,p,q,k] = sum over r,s,c of input[n, (p*STRIDE + r*DILATION - PADDING) / UP, ..., g,c] * filters[r,s,c,k]
//   where the division leaves no rest: UP > 1 reads the input as if it had UP - 1 zeros between its pixels.
//   S[n,p,q,g] = the same sum without filter (SUMS 1), or with adjust[g * ADJUST_STRIDE + c] in its place (SUMS 2)
//   output = what shared/convolution_output.wgsl makes of z and S
//
// A workgroup is one subgroup. Its lanes are output channels, VECTORS vectors each; a lane holds PIXELS neighbouring output
// pixels of ROWS neighbouring rows in registers. For each input pixel every lane of the first CHUNK loads READ input channels,
// and these pass from lane to lane as they are multiplied: one load brings in as many values as the subgroup is wide. They are
// shuffled, all lanes reading one, or in subgroups of four swapped, which takes an instruction instead of many: lane l then
// multiplies what lane l ^ j has loaded. (Dawn checks the lane of a shuffle once, ahead of the loop, and that of a broadcast
// each time.) TAPS filter columns share the loaded row. The filters of HELD channels at a time are read ahead of the pixels.
// A chunk's lanes take TURNS turns of a loop, so that wide loads do not make long code.
// With FOLD > 1 the FOLD neighbouring pixels under a filter row count as one pixel with as many more channels (GROUP_IN is
// then the product), so that an image's three channels fill the lanes.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN / FOLD]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], or with TURNED [FILTER_HEIGHT, FILTER_WIDTH, GROUP_OUT,
//              GROUPS * GROUP_IN], read from the last tap to the first
// Both lie in buffers, or where those are dear to read in textures (shared/input_*.wgsl, shared/filters_*.wgsl). The other
// bindings are those of shared/convolution_output.wgsl.
// Grid: blocks of PIXELS output columns, blocks of ROWS output rows of all images, UP_WIDTH x UP_HEIGHT phases, blocks of
// channels, groups.
// Limits: every subgroup has SUBGROUP invocations, by itself or with PINNED; VECTOR divides GROUP_OUT, READ GROUP_IN, TAPS
// FILTER_WIDTH, HELD CHUNK / TURNS * READ; CHUNK is 4 in subgroups of four, which take one turn; READ divides HELD with TURNED;
// FOLD > 1 only with GROUPS, FILTER_WIDTH, UP_* and READ 1 and without TURNED; UP_WIDTH > 1 only with a stride of 1 and TAPS 1;
// UP_HEIGHT > 1 only with a stride of 1. IMAGE_ROWS = ceil(OUT_HEIGHT / UP_HEIGHT). Every ROW_TAPS-th filter row and every
// COLUMN_TAPS-th column falls on a pixel of the input: UP / gcd(UP, DILATION).
enable subgroups;
/* PINNED: enable subgroup_size_control; */

const GROUP_READS = GROUP_IN / READ;
const PIXEL_READS = GROUPS * GROUP_READS / FOLD;
const ROW_READS = IN_WIDTH * PIXEL_READS;
const LAST_TAP = FILTER_HEIGHT * FILTER_WIDTH - 1u;
const SWAPS = SUBGROUP == 4u;
const TURN_READS = CHUNK / TURNS * READ;

// What a subgroup computes.
struct Block {
  columns: u32,
  rows: u32,
  phase_column: u32,
  phase_row: u32,
  channels: u32,
  group: u32,
}

fn block_of(index: u32) -> Block {
  var block: Block;
  var rest = index;
  block.columns = rest % COLUMN_BLOCKS;
  rest /= COLUMN_BLOCKS;
  block.rows = rest % ROW_BLOCKS;
  rest /= ROW_BLOCKS;
  block.phase_column = rest % UP_WIDTH;
  rest /= UP_WIDTH;
  block.phase_row = rest % UP_HEIGHT;
  rest /= UP_HEIGHT;
  block.channels = rest % CHANNEL_BLOCKS;
  block.group = rest / CHANNEL_BLOCKS;
  return block;
}

// A lane's v-th vector of output channels, counted within the group; there may be fewer.
fn own_vector(block: Block, lane: u32, v: u32) -> u32 {
  return (block.channels * VECTORS + v) * SUBGROUP + lane;
}

// Where a lane's vectors are within a row of the filters.
fn filter_columns(block: Block, lane: u32) -> array<u32, VECTORS> {
  var columns: array<u32, VECTORS>;
  /* unroll */ for (var v = 0u; v < VECTORS; v++) {
    let vector = min(own_vector(block, lane, v), GROUP_VECTORS - 1u);
    if (TURNED) {
      columns[v] = block.group * GROUP_READS + vector * VECTOR * PIXEL_READS;
    } else {
      columns[v] = block.group * GROUP_VECTORS + vector;
    }
  }
  return columns;
}

// The output rows of a block: of which image each is, and which of those with the block's phase.
struct Rows {
  images: array<u32, ROWS>,
  rows: array<u32, ROWS>,
}

fn rows_of(block: Block) -> Rows {
  var all: Rows;
  all.images[0] = block.rows * ROWS / IMAGE_ROWS;
  all.rows[0] = block.rows * ROWS % IMAGE_ROWS;
  /* unroll */ for (var b = 1u; b < ROWS; b++) {
    let last = all.rows[b - 1u] + 1u == IMAGE_ROWS;
    all.images[b] = all.images[b - 1u] + u32(last);
    all.rows[b] = select(all.rows[b - 1u] + 1u, 0u, last);
  }
  return all;
}

// The filter's taps that meet the input in some of the block's outputs: every ROW_TAPS-th row from first_row on, before end_row,
// and of these every COLUMN_TAPS-th column from first_column on.
struct Taps {
  first_row: u32,
  end_row: u32,
  first_column: u32,
}

fn taps_of(block: Block, rows: Rows) -> Taps {
  var top = i32(FILTER_HEIGHT * DILATION_HEIGHT);
  var bottom = 0;
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    let above = PADDING_HEIGHT - i32(block.phase_row + rows.rows[b] * STRIDE_HEIGHT * UP_HEIGHT);
    top = min(top, max(above, 0));
    bottom = max(bottom, i32(IN_HEIGHT * UP_HEIGHT) + above);
  }
  var taps: Taps;
  taps.end_row = min((u32(bottom) + DILATION_HEIGHT - 1u) / DILATION_HEIGHT, FILTER_HEIGHT);
  taps.first_row = (u32(top) + DILATION_HEIGHT - 1u) / DILATION_HEIGHT;
  if (UP_HEIGHT > 1u) {
    let start = i32(block.phase_row + taps.first_row * DILATION_HEIGHT) - PADDING_HEIGHT;
    taps.first_row += first_tap(start, DILATION_HEIGHT, UP_HEIGHT);
  }
  if (UP_WIDTH > 1u) {
    taps.first_column = first_tap(i32(block.phase_column) - PADDING_WIDTH, DILATION_WIDTH, UP_WIDTH);
    taps.first_row = select(taps.first_row, taps.end_row, taps.first_column >= FILTER_WIDTH);
  }
  return taps;
}

// The first of the filter's taps that falls on a pixel of the input, from where `start` is the place of tap 0 among pixels with
// up - 1 zeros between them; a large number where none does.
fn first_tap(start: i32, dilation: u32, up: u32) -> u32 {
  var first = 0x10000u;
  for (var tap = up; tap > 0u; tap--) {
    first = select(first, tap - 1u, (start + i32((tap - 1u) * dilation)) % i32(up) == 0);
  }
  return first;
}

// What is multiplied at a time: CHUNK reads of input channels from first_read on, under TAPS filter columns from column on.
struct Step {
  row: u32,
  column: u32,
  first_read: u32,
}

fn step_behind(step: Step, first_column: u32) -> Step {
  var next = step;
  var ends = true;
  if (GROUP_READS > CHUNK) {
    next.first_read += CHUNK;
    ends = next.first_read >= GROUP_READS;
    next.first_read = select(next.first_read, 0u, ends);
  }
  if (FILTER_WIDTH > TAPS) {
    next.column += select(0u, max(TAPS, COLUMN_TAPS), ends);
    ends = ends & (next.column >= FILTER_WIDTH);
    next.column = select(next.column, first_column, ends);
  }
  next.row += select(0u, ROW_TAPS, ends);
  return next;
}

// What a lane loads for a step: of every column of every row READ channels.
alias Values = array<array<f32, READ>, ROWS * COLUMNS>;

fn own_read(step: Step, lane: u32) -> u32 {
  return min(step.first_read + lane, GROUP_READS - 1u);
}

fn load_values(block: Block, rows: Rows, step: Step, lane: u32) -> Values {
  let right = i32(block.phase_column + step.column * DILATION_WIDTH) - PADDING_WIDTH;
  let first_column = i32(block.columns * PIXELS * STRIDE_WIDTH) + right / i32(UP_WIDTH);
  var inside: array<bool, COLUMNS>;
  var offsets: array<u32, COLUMNS>;
  /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
    let column = first_column + i32(j * COLUMN_STEP);
    inside[j] = (FOLD > 1u) | (u32(column) < IN_WIDTH);
    offsets[j] = select(0u, u32(column * i32(PIXEL_READS)), inside[j]) + own_read(step, lane);
  }
  let has_read = (WHOLE_CHUNKS & (CHUNK == SUBGROUP)) | ((step.first_read + lane < GROUP_READS) & (lane < CHUNK));
  let down = i32(block.phase_row + step.row * DILATION_HEIGHT) - PADDING_HEIGHT;
  var values: Values;
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    let h = i32(rows.rows[b] * STRIDE_HEIGHT) + down / i32(UP_HEIGHT);
    let row_inside = u32(h) < IN_HEIGHT;
    let row = min(rows.images[b], BATCH - 1u) * IN_HEIGHT + select(0u, u32(h), row_inside);
    let base = row * ROW_READS + block.group * GROUP_READS;
    let present = has_read & ((ROWS == 1u) | row_inside);
    /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
      var offset = offsets[j];
      var in_row = inside[j] & present;
      if (FOLD > 1u) {
        // Left of the row the sum has wrapped round.
        in_row = in_row & (offset < ROW_READS);
        offset = select(0u, offset, in_row);
      }
      values[b * COLUMNS + j] = channels_of(select(Read(), input_at(base + offset), in_row));
    }
  }
  return values;
}

// Adds a lane's values to the window sums of the block's pixels, READ channels of the group from first_channel on.
fn add_sums(sums: ptr<function, array<f32, ROWS * PIXELS>>, values: Values, group: u32, first_channel: u32) {
  var sum_weights: array<f32, READ>;
  /* unroll */ for (var e = 0u; e < READ; e++) {
    sum_weights[e] = 1.0;
    if (SUMS == 2u) {
      sum_weights[e] = adjust[group * ADJUST_STRIDE + (first_channel + e) % (GROUP_IN / FOLD)];
    }
  }
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    var column_sums = array<f32, COLUMNS>();
    /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
      /* unroll */ for (var e = 0u; e < READ; e++) {
        column_sums[j] += sum_weights[e] * values[b * COLUMNS + j][e];
      }
    }
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      /* unroll */ for (var t = 0u; t < TAPS; t++) {
        sums[b * PIXELS + i] += column_sums[i * PIXEL_STEP + t * DILATION_WIDTH];
      }
    }
  }
}

// Filters of HELD input channels.
alias Weights = array<array<f32, VECTOR>, HELD * VECTORS>;

// Those that meet the chunk's channels from `first` on, as lanes pass them to this one, under a filter tap.
fn load_weights(tap: u32, first_read: u32, first: u32, columns: array<u32, VECTORS>, lane: u32) -> Weights {
  var weights: Weights;
  if (TURNED) {
    /* unroll */ for (var h = 0u; h < HELD; h += READ) {
      let loaded = (first + h) / READ;
      let source = min(first_read + select(loaded, lane ^ loaded, SWAPS), GROUP_READS - 1u);
      let place = (LAST_TAP - tap) * GROUP_OUT * PIXEL_READS + source;
      /* unroll */ for (var v = 0u; v < VECTORS; v++) {
        /* unroll */ for (var e = 0u; e < VECTOR; e++) {
          let read = channels_of(filter_at(place + columns[v] + e * PIXEL_READS));
          /* unroll */ for (var c = 0u; c < READ; c++) {
            weights[(h + c) * VECTORS + v][e] = read[c];
          }
        }
      }
    }
  } else {
    /* unroll */ for (var h = 0u; h < HELD; h++) {
      let loaded = (first + h) / READ;
      let source = (first_read + select(loaded, lane ^ loaded, SWAPS)) * READ + (first + h) % READ;
      let present = select(min(source, GROUP_IN - 1u), source, WHOLE_CHUNKS);
      let row = (tap * GROUP_IN + present) * OUT_VECTORS;
      /* unroll */ for (var v = 0u; v < VECTORS; v++) {
        weights[h * VECTORS + v] = components(filter_at(row + columns[v]));
      }
    }
  }
  return weights;
}

// Sums of products, of each of ROWS * PIXELS outputs VECTORS vectors. Single values: some drivers keep all products of a vector
// before they add them up.
alias Results = array<f32, ROWS * PIXELS * VECTORS * VECTOR>;

// Adds the products of a step.
fn multiply(z: ptr<function, Results>, values: Values, step: Step, columns: array<u32, VECTORS>, lane: u32) {
  /* unroll once */ for (var turn = 0u; turn < TURNS; turn++) {
    /* unroll */ for (var t = 0u; t < TAPS; t++) {
      /* unroll */ for (var first = 0u; first < TURN_READS; first += HELD) {
        let tap = step.row * FILTER_WIDTH + step.column + t;
        let weights = load_weights(tap, step.first_read, turn * TURN_READS + first, columns, lane);
        /* unroll */ for (var b = 0u; b < ROWS; b++) {
          /* unroll */ for (var i = 0u; i < PIXELS; i++) {
            /* unroll */ for (var h = 0u; h < HELD; h++) {
              let own = values[b * COLUMNS + i * PIXEL_STEP + t * DILATION_WIDTH][(first + h) % READ];
              var value = own;
              if (SWAPS) {
                if ((first + h) / READ == 1u) {
                  value = quadSwapX(own);
                } else if ((first + h) / READ == 2u) {
                  value = quadSwapY(own);
                } else if ((first + h) / READ == 3u) {
                  value = quadSwapDiagonal(own);
                }
              } else {
                value = subgroupShuffle(own, (turn * TURN_READS + first + h) / READ);
              }
              /* unroll */ for (var v = 0u; v < VECTORS; v++) {
                /* unroll */ for (var e = 0u; e < VECTOR; e++) {
                  const place = ((b * PIXELS + i) * VECTORS + v) * VECTOR + e;
                  z[place] = weights[h * VECTORS + v][e] * value + z[place];
                }
              }
            }
          }
        }
      }
    }
  }
}

// The sum over all lanes, in every one of them. Small subgroups go through fewer instructions by swaps.
fn lane_sum(value: f32) -> f32 {
  if (SUBGROUP > 8u) {
    return subgroupAdd(value);
  } else {
    let pair = value + quadSwapX(value);
    let quad = pair + quadSwapY(pair);
    if (SWAPS) {
      return quad;
    } else {
      return quad + subgroupShuffleXor(quad, 4u);
    }
  }
}

// Stores the outputs of a lane's channels, and what else is kept of them.
fn store_results(block: Block, rows: Rows, z: Results, sums: array<f32, ROWS * PIXELS>, lane: u32) {
  var k: array<u32, VECTORS>;
  var terms: array<ChannelTerms, VECTORS>;
  /* unroll */ for (var v = 0u; v < VECTORS; v++) {
    k[v] = block.group * GROUP_VECTORS + min(own_vector(block, lane, v), GROUP_VECTORS - 1u);
    terms[v] = channel_terms(k[v]);
  }
  var moments: array<Moments, VECTORS>;
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    let p = rows.rows[b] * UP_HEIGHT + block.phase_row;
    let row_stores = (block.rows * ROWS + b < BATCH * IMAGE_ROWS) & (p < OUT_HEIGHT);
    let row_pixel = (rows.images[b] * OUT_HEIGHT + p) * OUT_WIDTH;
    var pixel_sums: array<f32, PIXELS>;
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      if (SUMS != 0u) {
        pixel_sums[i] = lane_sum(sums[b * PIXELS + i]);
      }
      let q = (block.columns * PIXELS + i) * UP_WIDTH + block.phase_column;
      if (row_stores & (q < OUT_WIDTH)) {
        /* unroll */ for (var v = 0u; v < VECTORS; v++) {
          if (WHOLE_VECTORS | (own_vector(block, lane, v) < GROUP_VECTORS)) {
            var total: Vector;
            /* unroll */ for (var e = 0u; e < VECTOR; e++) {
              total = set_component(total, e, z[((b * PIXELS + i) * VECTORS + v) * VECTOR + e]);
            }
            let stored = store_output(row_pixel + q, block.group, k[v], total, pixel_sums[i], terms[v]);
            if (STATISTICS) {
              moments[v] = with_value(moments[v], stored);
            }
          }
        }
      }
    }
    if (STORE_SUMS) {
      store_sums(block, pixel_sums, row_pixel, row_stores, lane);
    }
  }
  if (STATISTICS) {
    /* unroll */ for (var v = 0u; v < VECTORS; v++) {
      if (own_vector(block, lane, v) < GROUP_VECTORS) {
        store_moments(block.rows * COLUMN_BLOCKS + block.columns, k[v], moments[v]);
      }
    }
  }
}

// Stores the window sums of a row of pixels: the lanes keep a pixel's sum each, and store them together.
fn store_sums(block: Block, sums: array<f32, PIXELS>, row_pixel: u32, row_stores: bool, lane: u32) {
  /* unroll */ for (var first = 0u; first < PIXELS; first += SUBGROUP) {
    var own_sum = 0.0;
    /* unroll */ for (var keeper = 0u; keeper < SUBGROUP; keeper++) {
      if (first + keeper < PIXELS) {
        own_sum = select(own_sum, sums[first + keeper], lane == keeper);
      }
    }
    let pixel = first + lane;
    let q = (block.columns * PIXELS + pixel) * UP_WIDTH + block.phase_column;
    if (row_stores & (block.channels == 0u) & (pixel < PIXELS) & (q < OUT_WIDTH)) {
      window_sums[(row_pixel + q) * GROUPS + block.group] = own_sum;
    }
  }
}

@compute @workgroup_size(SUBGROUP) /* PINNED: @subgroup_size(SUBGROUP) */
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let index = workgroup_index(workgroup);
  if (index >= WORKGROUPS) {
    return;
  }
  let block = block_of(index);
  let rows = rows_of(block);
  let taps = taps_of(block, rows);
  let columns = filter_columns(block, lane);
  var z: Results;
  var sums: array<f32, ROWS * PIXELS>;
  // One loop over filter rows, filter columns and channels: on some adapters what a loop carries from turn to turn is dear, and
  // loops in loops carry it several times.
  var step = Step(taps.first_row, taps.first_column, 0u);
  while (step.row < taps.end_row) {
    let values = load_values(block, rows, step, lane);
    if (SUMS != 0u) {
      // Sums that are for others are formed with one block of channels.
      if ((ADJUST != 0u) | (block.channels == 0u)) {
        add_sums(&sums, values, block.group, own_read(step, lane) * READ);
      }
    }
    multiply(&z, values, step, columns, lane);
    step = step_behind(step, taps.first_column);
  }
  store_results(block, rows, z, sums, lane);
}
