// Convolution and IC convolution by subgroup broadcast, with the whole epilogue in registers; also the input gradient,
// which is a convolution of the output gradient with the filters turned round (filter_transpose).
//
//   z[n,p,q,k] = sum over r,s,c of input[n, (p*STRIDE + r*DILATION - PADDING) / UP, ..., g,c] * filters[r,s,c,k]
//   where the division leaves no rest: UP > 1 reads the input as if it had UP - 1 zeros between its pixels.
//   S[n,p,q,g] = the same sum without filter (ADJUST 1), or with adjust[g,c] in its place (ADJUST 2)
//   output = what shared/convolution_output.wgsl makes of z and S
//
// A workgroup is one subgroup. Its lanes are output channels, VECTOR each; a lane holds PIXELS neighbouring output pixels
// of IMAGES images in registers. For each input pixel every lane loads one input channel, and the channels are broadcast
// from lane to lane as they are multiplied: one load brings in as many values as the subgroup is wide. TAPS filter columns
// share the loaded row.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// The other bindings are those of shared/convolution_output.wgsl.
// Grid: output columns (UP_WIDTH phases x blocks of PIXELS), output rows, blocks of IMAGES, blocks of channels, groups.
// Limits: every subgroup has SUBGROUP invocations; VECTOR divides GROUP_OUT; TAPS divides FILTER_WIDTH; UP_WIDTH > 1 only
// with STRIDE_WIDTH 1 and TAPS 1.
enable subgroups;
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> filters: array<Vector>;

const IN_CHANNELS = GROUPS * GROUP_IN;

@compute @workgroup_size(SUBGROUP)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  var rest = workgroup_index(workgroup);
  if (rest >= WORKGROUPS) {
    return;
  }
  let block = rest % COLUMN_BLOCKS;
  rest /= COLUMN_BLOCKS;
  let phase = rest % UP_WIDTH;
  rest /= UP_WIDTH;
  let p = rest % OUT_HEIGHT;
  rest /= OUT_HEIGHT;
  let first_image = rest % IMAGE_BLOCKS * IMAGES;
  rest /= IMAGE_BLOCKS;
  let channel_block = rest % CHANNEL_BLOCKS;
  let group = rest / CHANNEL_BLOCKS;
  let group_vector = channel_block * SUBGROUP + lane;
  let k = group * GROUP_VECTORS + min(group_vector, GROUP_VECTORS - 1u);
  let first_pixel = block * PIXELS;

  var z: array<Vector, IMAGES * PIXELS>;
  var sums: array<f32, IMAGES * PIXELS>;
  for (var r = 0u; r < FILTER_HEIGHT; r++) {
    let tall = i32(p * STRIDE_HEIGHT + r * DILATION_HEIGHT) - PADDING_HEIGHT;
    let h = tall / i32(UP_HEIGHT);
    if ((tall < 0) | (h >= i32(IN_HEIGHT)) | (tall % i32(UP_HEIGHT) != 0)) {
      continue;
    }
    for (var s = 0u; s < FILTER_WIDTH; s += TAPS) {
      let wide = i32(phase + s * DILATION_WIDTH) - PADDING_WIDTH;
      if (wide % i32(UP_WIDTH) != 0) {
        continue;
      }
      let first_column = i32(first_pixel * STRIDE_WIDTH) + wide / i32(UP_WIDTH);
      var offsets: array<u32, COLUMNS>;
      var inside: array<bool, COLUMNS>;
      /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
        let column = first_column + i32(j * COLUMN_STEP);
        inside[j] = u32(column) < IN_WIDTH;
        offsets[j] = select(0u, u32(column) * IN_CHANNELS, inside[j]);
      }
      for (var c = 0u; c < GROUP_IN; c += CHUNK) {
        let channel = min(c + lane, GROUP_IN - 1u);
        let has_channel = (GROUP_IN % SUBGROUP == 0u) | ((c + lane < GROUP_IN) & (lane < CHUNK));
        var values: array<f32, IMAGES * COLUMNS>;
        /* unroll */ for (var b = 0u; b < IMAGES; b++) {
          let n = min(first_image + b, BATCH - 1u);
          let base = (n * IN_HEIGHT + u32(h)) * IN_WIDTH * IN_CHANNELS + group * GROUP_IN + channel;
          /* unroll */ for (var j = 0u; j < COLUMNS; j++) {
            values[b * COLUMNS + j] = select(0.0, input[base + offsets[j]], inside[j] & has_channel);
          }
        }
        if (ADJUST != 0u) {
          var weight = 1.0;
          if (ADJUST == 2u) {
            weight = adjust[group * GROUP_IN + channel];
          }
          /* unroll */ for (var b = 0u; b < IMAGES; b++) {
            /* unroll */ for (var i = 0u; i < PIXELS; i++) {
              /* unroll */ for (var t = 0u; t < TAPS; t++) {
                sums[b * PIXELS + i] += weight * values[b * COLUMNS + i * PIXEL_STEP + t * DILATION_WIDTH];
              }
            }
          }
        }
        /* unroll */ for (var t = 0u; t < TAPS; t++) {
          /* unroll */ for (var j = 0u; j < CHUNK; j++) {
            let source = select(min(c + j, GROUP_IN - 1u), c + j, GROUP_IN % CHUNK == 0u);
            let row = (r * FILTER_WIDTH + s + t) * GROUP_IN + source;
            let weights = filters[row * OUT_VECTORS + k];
            /* unroll */ for (var b = 0u; b < IMAGES; b++) {
              /* unroll */ for (var i = 0u; i < PIXELS; i++) {
                let value = values[b * COLUMNS + i * PIXEL_STEP + t * DILATION_WIDTH];
                z[b * PIXELS + i] += subgroupBroadcast(value, j) * weights;
              }
            }
          }
        }
      }
    }
  }

  let terms = channel_terms(k);
  /* unroll */ for (var b = 0u; b < IMAGES; b++) {
    /* unroll */ for (var i = 0u; i < PIXELS; i++) {
      var sum = 0.0;
      if (ADJUST != 0u) {
        sum = subgroupAdd(sums[b * PIXELS + i]);
      }
      let n = first_image + b;
      let q = (first_pixel + i) * UP_WIDTH + phase;
      if ((n < BATCH) & (q < OUT_WIDTH) & (group_vector < GROUP_VECTORS)) {
        let pixel = (n * OUT_HEIGHT + p) * OUT_WIDTH + q;
        store_output(pixel, group, k, z[b * PIXELS + i], sum, terms);
        if (STORE_SUMS) {
          if (group_vector == 0u) {
            window_sums[pixel * GROUPS + group] = sum;
          }
        }
      }
    }
  }
}
