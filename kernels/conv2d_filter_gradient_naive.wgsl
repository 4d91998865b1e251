// Gradient of a convolution with respect to its filters, one thread a filter element: the baseline to check by eye.
//
//   output[r,s,c,k] = sum over n,p,q of input[n, p*STRIDE+r*DILATION-PADDING, ..., g,c] * gradient[n,p,q,k]
//
// input     [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]
// gradient  [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS * GROUP_OUT], of the convolution's output z
// output    [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], overwritten
// Grid: one thread a filter element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

const OUT_CHANNELS = GROUPS * GROUP_OUT;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= FILTER_HEIGHT * FILTER_WIDTH * GROUP_IN * OUT_CHANNELS) {
    return;
  }
  let k = element % OUT_CHANNELS;
  let c = element / OUT_CHANNELS % GROUP_IN;
  let tap = element / OUT_CHANNELS / GROUP_IN;
  let r = tap / FILTER_WIDTH;
  let s = tap % FILTER_WIDTH;
  let channel = k / GROUP_OUT * GROUP_IN + c;

  var sum = 0.0;
  for (var n = 0u; n < BATCH; n++) {
    for (var p = 0u; p < OUT_HEIGHT; p++) {
      let h = i32(p * STRIDE_HEIGHT + r * DILATION_HEIGHT) - PADDING_HEIGHT;
      if (u32(h) >= IN_HEIGHT) {
        continue;
      }
      var row = 0.0;
      for (var q = 0u; q < OUT_WIDTH; q++) {
        let w = i32(q * STRIDE_WIDTH + s * DILATION_WIDTH) - PADDING_WIDTH;
        if (u32(w) < IN_WIDTH) {
          let base = ((n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w)) * GROUPS * GROUP_IN + channel;
          row += f32(input[base]) * f32(gradient[((n * OUT_HEIGHT + p) * OUT_WIDTH + q) * OUT_CHANNELS + k]);
        }
      }
      sum += row;
    }
  }
  output[element] = sum;
}
