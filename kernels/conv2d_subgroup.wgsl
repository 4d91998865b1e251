// Convolution and IC convolution by subgroup broadcast, with the whole epilogue in registers; also the input gradient,
// which is a convolution of the output gradient with the filters turned round.
//
//   z[n,p,q,k] = sum over r,s,c of input[n, (p*STRIDE + r*DILATION - PADDING) / UP, ..., g,c] * filters[r,s,c,k]
//   where the division leaves no rest: UP > 1 reads the input as if it had UP - 1 zeros between its pixels.
//   S[n,p,q,g] = the same sum without filter (SUMS 1), or with adjust[g * ADJUST_STRIDE + c] in its place (SUMS 2)
//   output = what shared/convolution_output.wgsl makes of z and S
//
// A workgroup is one subgroup. Its lanes are output channels, VECTORS vectors each; a lane holds PIXELS neighbouring output
// pixels of ROWS neighbouring rows in registers. For each input pixel every lane of the first CHUNK loads READ input channels,
// and these pass from lane to lane as they are multiplied: one load brings in as many values as the subgroup is wide. They are
// broadcast, or in subgroups of four swapped, which takes an instruction instead of many: lane l then multiplies what lane
// l ^ j has loaded. TAPS filter columns share the loaded row. The filters of HELD channels at a time are read ahead of the pixels.
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
// Limits: every subgroup has SUBGROUP invocations; VECTOR divides GROUP_OUT, READ GROUP_IN, TAPS FILTER_WIDTH, HELD
// CHUNK / TURNS * READ; CHUNK is 4 in subgroups of four, which take one turn; READ divides HELD with TURNED; FOLD > 1 only with
// GROUPS, FILTER_WIDTH, UP_* and READ 1 and without TURNED; UP_WIDTH > 1 only with a stride of 1 and TAPS 1; UP_HEIGHT > 1 only
// with a stride of 1. IMAGE_ROWS = ceil(OUT_HEIGHT / UP_HEIGHT). Every ROW_TAPS-th filter row and every COLUMN_TAPS-th column
// falls on a pixel of the input: UP / gcd(UP, DILATION).
enable subgroups;

const GROUP_READS = GROUP_IN / READ;
const PIXEL_READS = GROUPS * GROUP_READS / FOLD;
const ROW_READS = IN_WIDTH * PIXEL_READS;
const LAST_TAP = FILTER_HEIGHT * FILTER_WIDTH - 1u;
const SWAPS = SUBGROUP == 4u;
const TURN_LANES = CHUNK / TURNS;

// The first of the filter's taps that falls on a pixel of the input, from where `start` is the place of tap 0 among pixels with
// up - 1 zeros between them; a large number where none does.
fn first_tap(start: i32, dilation: u32, up: u32) -> u32 {
  var first = 0x10000u;
  for (var tap = up; tap > 0u; tap--) {
    first = select(first, tap - 1u, (start + i32((tap - 1u) * dilation)) % i32(up) == 0);
  }
  return first;
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

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  var rest = workgroup_index(workgroup);
  if (rest >= WORKGROUPS) {
    return;
  }
  let block = rest % COLUMN_BLOCKS;
  rest /= COLUMN_BLOCKS;
  let first_row = rest % ROW_BLOCKS * ROWS;
  rest /= ROW_BLOCKS;
  let phase_x = rest % UP_WIDTH;
  rest /= UP_WIDTH;
  let phase_y = rest % UP_HEIGHT;
  rest /= UP_HEIGHT;
  let channel_block = rest % CHANNEL_BLOCKS;
  let group = rest / CHANNEL_BLOCKS;
  let first_vector = channel_block * VECTORS * SUBGROUP + lane;
  let first_pixel = block * PIXELS;

  var k: array<u32, VECTORS>;
  var turned_rows: array<u32, VECTORS>;
  /* unroll */ for (var v = 0u; v < VECTORS; v++) {
    let vector = min(first_vector + v * SUBGROUP, GROUP_VECTORS - 1u);
    k[v] = group * GROUP_VECTORS + vector;
    turned_rows[v] = vector * VECTOR;
  }
  var images: array<u32, ROWS>;
  var rows: array<u32, ROWS>;
  images[0] = first_row / IMAGE_ROWS;
  rows[0] = first_row % IMAGE_ROWS;
  /* unroll */ for (var b = 1u; b < ROWS; b++) {
    let last = rows[b - 1u] + 1u == IMAGE_ROWS;
    images[b] = images[b - 1u] + u32(last);
    rows[b] = select(rows[b - 1u] + 1u, 0u, last);
  }
  // Single values: some drivers keep all products of a vector before they add them up.
  var z: array<f32, ROWS * PIXELS * VECTORS * VECTOR>;
  var sums: array<f32, ROWS * PIXELS>;
  // Filter rows that meet the input in some of the output's rows: every ROW_TAPS-th from r on, before end_r.
  var top = i32(FILTER_HEIGHT * DILATION_HEIGHT);
  var bottom = 0;
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    let above = PADDING_HEIGHT - i32(phase_y + rows[b] * STRIDE_HEIGHT * UP_HEIGHT);
    top = min(top, max(above, 0));
    bottom = max(bottom, i32(IN_HEIGHT * UP_HEIGHT) + above);
  }
  let end_r = min((u32(bottom) + DILATION_HEIGHT - 1u) / DILATION_HEIGHT, FILTER_HEIGHT);
  var r = (u32(top) + DILATION_HEIGHT - 1u) / DILATION_HEIGHT;
  if (UP_HEIGHT > 1u) {
    r += first_tap(i32(phase_y + r * DILATION_HEIGHT) - PADDING_HEIGHT, DILATION_HEIGHT, UP_HEIGHT);
  }
  var first_s = 0u;
  if (UP_WIDTH > 1u) {
    first_s = first_tap(i32(phase_x) - PADDING_WIDTH, DILATION_WIDTH, UP_WIDTH);
    r = select(r, end_r, first_s >= FILTER_WIDTH);
  }
  var s = first_s;
  var first_read = 0u;
  // One loop over filter rows, filter columns and channels: on some adapters what a loop carries from turn to turn is dear, and
  // loops in loops carry it several times.
  while (r < end_r) {
    let tall = i32(phase_y + r * DILATION_HEIGHT) - PADDING_HEIGHT;
    var row_bases: array<u32, ROWS>;
    var row_inside: array<bool, ROWS>;
    /* unroll */ for (var b = 0u; b < ROWS; b++) {
      let n = min(images[b], BATCH - 1u);
      let h = i32(rows[b] * STRIDE_HEIGHT) + tall / i32(UP_HEIGHT);
      row_inside[b] = u32(h) < IN_HEIGHT;
      row_bases[b] = (n * IN_HEIGHT + select(0u, u32(h), row_inside[b])) * ROW_READS + group * GROUP_READS;
    }
    let wide = i32(phase_x + s * DILATION_WIDTH) - PADDING_WIDTH;
    let first_column = i32(first_pixel * STRIDE_WIDTH) + wide / i32(UP_WIDTH);
    var offsets: array<u32, COLUMNS>;
    var inside: array<bool, COLUMNS>;
    /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
      let column = first_column + i32(j * COLUMN_STEP);
      inside[j] = (FOLD > 1u) | (u32(column) < IN_WIDTH);
      offsets[j] = select(0u, u32(column * i32(PIXEL_READS)), inside[j]);
    }
    let own_read = min(first_read + lane, GROUP_READS - 1u);
    let has_read = (WHOLE_CHUNKS & (CHUNK == SUBGROUP)) | ((first_read + lane < GROUP_READS) & (lane < CHUNK));
    var values: array<array<f32, READ>, ROWS * COLUMNS>;
    /* unroll */ for (var b = 0u; b < ROWS; b++) {
      let present = has_read & ((ROWS == 1u) | row_inside[b]);
      /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
        var offset = offsets[j] + own_read;
        var in_row = inside[j] & present;
        if (FOLD > 1u) {
          // Left of the row the sum has wrapped round.
          in_row = in_row & (offset < ROW_READS);
          offset = select(0u, offset, in_row);
        }
        values[b * COLUMNS + j] = channels_of(select(Read(), input_at(row_bases[b] + offset), in_row));
      }
    }
    if (SUMS != 0u) {
      // Sums that are for others are formed with one block of channels.
      if ((ADJUST != 0u) | (channel_block == 0u)) {
        var sum_weights: array<f32, READ>;
        /* unroll */ for (var e = 0u; e < READ; e++) {
          sum_weights[e] = 1.0;
          if (SUMS == 2u) {
            sum_weights[e] = adjust[group * ADJUST_STRIDE + (own_read * READ + e) % (GROUP_IN / FOLD)];
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
    }
    /* unroll once */ for (var turn = 0u; turn < TURNS; turn++) {
      /* unroll */ for (var t = 0u; t < TAPS; t++) {
        /* unroll */ for (var first = 0u; first < TURN_LANES * READ; first += HELD) {
          var weights: array<array<f32, VECTOR>, HELD * VECTORS>;
          if (TURNED) {
            /* unroll */ for (var h = 0u; h < HELD; h += READ) {
              let loaded = turn * TURN_LANES + (first + h) / READ;
              let source = min(first_read + select(loaded, lane ^ loaded, SWAPS), GROUP_READS - 1u);
              let place = (LAST_TAP - (r * FILTER_WIDTH + s + t)) * GROUP_OUT * PIXEL_READS + group * GROUP_READS + source;
              /* unroll */ for (var v = 0u; v < VECTORS; v++) {
                /* unroll */ for (var e = 0u; e < VECTOR; e++) {
                  let read = channels_of(Read(filter_at(place + (turned_rows[v] + e) * PIXEL_READS)));
                  /* unroll */ for (var c = 0u; c < READ; c++) {
                    weights[(h + c) * VECTORS + v][e] = read[c];
                  }
                }
              }
            }
          } else {
            /* unroll */ for (var h = 0u; h < HELD; h++) {
              let loaded = turn * TURN_LANES + (first + h) / READ;
              let source = (first_read + select(loaded, lane ^ loaded, SWAPS)) * READ + (first + h) % READ;
              let present = select(min(source, GROUP_IN - 1u), source, WHOLE_CHUNKS);
              let row = ((r * FILTER_WIDTH + s + t) * GROUP_IN + present) * OUT_VECTORS;
              /* unroll */ for (var v = 0u; v < VECTORS; v++) {
                weights[h * VECTORS + v] = components(Vector(filter_at(row + k[v])));
              }
            }
          }
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
                } else if (TURNS > 1u) {
                  value = subgroupShuffle(own, turn * TURN_LANES + (first + h) / READ);
                } else {
                  value = subgroupBroadcast(own, (first + h) / READ);
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
    var ends = true;
    if (GROUP_READS > CHUNK) {
      first_read += CHUNK;
      ends = first_read >= GROUP_READS;
      first_read = select(first_read, 0u, ends);
    }
    if (FILTER_WIDTH > TAPS) {
      s += select(0u, max(TAPS, COLUMN_TAPS), ends);
      ends = ends & (s >= FILTER_WIDTH);
      s = select(s, first_s, ends);
    }
    r += select(0u, ROW_TAPS, ends);
  }

  var terms: array<ChannelTerms, VECTORS>;
  /* unroll */ for (var v = 0u; v < VECTORS; v++) {
    terms[v] = channel_terms(k[v]);
  }
  var moments: array<Moments, VECTORS>;
  /* unroll */ for (var b = 0u; b < ROWS; b++) {
    let p = rows[b] * UP_HEIGHT + phase_y;
    let row_stores = (first_row + b < BATCH * IMAGE_ROWS) & (p < OUT_HEIGHT);
    let row_pixel = (images[b] * OUT_HEIGHT + p) * OUT_WIDTH;
    var own_sum = 0.0;
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      var sum = 0.0;
      if (SUMS != 0u) {
        sum = lane_sum(sums[b * PIXELS + i]);
      }
      let q = (first_pixel + i) * UP_WIDTH + phase_x;
      if (row_stores & (q < OUT_WIDTH)) {
        let pixel = row_pixel + q;
        /* unroll */ for (var v = 0u; v < VECTORS; v++) {
          if (WHOLE_VECTORS | (first_vector + v * SUBGROUP < GROUP_VECTORS)) {
            var total: Vector;
            /* unroll */ for (var e = 0u; e < VECTOR; e++) {
              total = set_component(total, e, z[((b * PIXELS + i) * VECTORS + v) * VECTOR + e]);
            }
            let stored = store_output(pixel, group, k[v], total, sum, terms[v]);
            if (STATISTICS) {
              moments[v] = with_value(moments[v], stored);
            }
          }
        }
      }
      if (STORE_SUMS) {
        // The lanes keep a pixel's sum each, and store them together.
        const keeper = i % SUBGROUP;
        own_sum = select(own_sum, sum, lane == keeper);
        if ((i % SUBGROUP == SUBGROUP - 1u) | (i + 1u == PIXELS)) {
          let own_q = (first_pixel + i - keeper + lane) * UP_WIDTH + phase_x;
          if (row_stores & (channel_block == 0u) & (lane <= keeper) & (own_q < OUT_WIDTH)) {
            window_sums[(row_pixel + own_q) * GROUPS + group] = own_sum;
          }
        }
      }
    }
  }
  if (STATISTICS) {
    /* unroll */ for (var v = 0u; v < VECTORS; v++) {
      if (first_vector + v * SUBGROUP < GROUP_VECTORS) {
        store_moments(first_row / ROWS * COLUMN_BLOCKS + block, k[v], moments[v]);
      }
    }
  }
}
