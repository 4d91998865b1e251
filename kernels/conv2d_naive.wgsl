// Convolution and IC convolution, one thread an output element: the baseline to check by eye.
//
//   z[n,p,q,k] = bias[k] + sum over r,s,c of input[n, p*STRIDE+r*DILATION-PADDING, ..., g,c] * filters[r,s,c,k]
//   S[n,p,q,g] = sum over r,s,c of input (ADJUST 1) or of adjust[g,c] * input (ADJUST 2); padding counts as 0
//   y = z                                        ADJUST 0, 'none'
//   y = z + relu(z - adjust[k] * S)              ADJUST 1, 'output'
//   y = z + relu(z - S)                          ADJUST 2, 'input'
//   output = relu?(scale[k] * y + shift[k] + residual)
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// output       [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS * GROUP_OUT], overwritten
// bias         [GROUPS * GROUP_OUT], with BIAS
// adjust       [GROUPS * GROUP_OUT] or, for ADJUST 2, [GROUPS * GROUP_IN]
// scale_shift  [2, GROUPS * GROUP_OUT]: scales, then shifts; with SCALE_SHIFT
// residual     as output, with RESIDUAL
// window_sums  [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS], overwritten with STORE_SUMS
// Grid: one thread an output element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> filters: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> adjust: array<f32>;
@group(0) @binding(5) var<storage, read_write> scale_shift: array<f32>;
@group(0) @binding(6) var<storage, read_write> residual: array<f32>;
@group(0) @binding(7) var<storage, read_write> window_sums: array<f32>;

const OUT_CHANNELS = GROUPS * GROUP_OUT;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * OUT_HEIGHT * OUT_WIDTH * OUT_CHANNELS) {
    return;
  }
  let k = element % OUT_CHANNELS;
  let pixel = element / OUT_CHANNELS;
  let q = pixel % OUT_WIDTH;
  let p = pixel / OUT_WIDTH % OUT_HEIGHT;
  let n = pixel / OUT_WIDTH / OUT_HEIGHT;
  let group = k / GROUP_OUT;

  var z = 0.0;
  var sum = 0.0;
  for (var r = 0u; r < FILTER_HEIGHT; r++) {
    for (var s = 0u; s < FILTER_WIDTH; s++) {
      let h = i32(p * STRIDE_HEIGHT + r * DILATION_HEIGHT) - PADDING_HEIGHT;
      let w = i32(q * STRIDE_WIDTH + s * DILATION_WIDTH) - PADDING_WIDTH;
      if ((u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH)) {
        let base = ((n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w)) * GROUPS * GROUP_IN + group * GROUP_IN;
        for (var c = 0u; c < GROUP_IN; c++) {
          let value = input[base + c];
          z += value * filters[((r * FILTER_WIDTH + s) * GROUP_IN + c) * OUT_CHANNELS + k];
          if (ADJUST == 1u) {
            sum += value;
          }
          if (ADJUST == 2u) {
            sum += value * adjust[group * GROUP_IN + c];
          }
        }
      }
    }
  }
  if (BIAS) {
    z += bias[k];
  }
  var y = z;
  if (ADJUST == 1u) {
    y += rectify(z - adjust[k] * sum);
  }
  if (ADJUST == 2u) {
    y += rectify(z - sum);
  }
  if (SCALE_SHIFT) {
    y = y * scale_shift[k] + scale_shift[OUT_CHANNELS + k];
  }
  if (RESIDUAL) {
    y += residual[element];
  }
  if (RELU) {
    y = rectify(y);
  }
  output[element] = y;
  if (STORE_SUMS) {
    if (k % GROUP_OUT == 0u) {
      window_sums[pixel * GROUPS + group] = sum;
    }
  }
}
