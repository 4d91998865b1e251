// Convolution and IC convolution, one thread an output element: the baseline to check by eye.
//
//   z[n,p,q,k] = sum over r,s,c of input[n, p*STRIDE+r*DILATION-PADDING, ..., g,c] * filters[r,s,c,k]
//   S[n,p,q,g] = sum over r,s,c of input (SUMS 1) or of adjust[g * ADJUST_STRIDE + c] * input (SUMS 2); padding counts as 0
//   output = what shared/convolution_output.wgsl makes of z and S
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// The other bindings are those of shared/convolution_output.wgsl.
// Grid: one thread an output element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> filters: array<Element>;

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
          let value = f32(input[base + c]);
          z += value * f32(filters[((r * FILTER_WIDTH + s) * GROUP_IN + c) * OUT_CHANNELS + k]);
          if (SUMS == 1u) {
            sum += value;
          }
          if (SUMS == 2u) {
            sum += value * adjust[group * ADJUST_STRIDE + c];
          }
        }
      }
    }
  }
  let stored = store_output(pixel, group, k, z, sum, channel_terms(k));
  if (STATISTICS) {
    store_moments(pixel, k, with_value(Moments(), stored));
  }
  if (STORE_SUMS) {
    if (k % GROUP_OUT == 0u) {
      window_sums[pixel * GROUPS + group] = sum;
    }
  }
}
