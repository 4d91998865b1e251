// Gradient of a convolution with respect to its input, one thread an input element: the baseline to check by eye. With BIAS it is
// a transposed convolution.
//
//   inputGradient[n,h,w,g,c] = sum over the r, s whose window position p = (h + PADDING - r*DILATION) / STRIDE (likewise q)
//                              is a whole number inside the output, and over k of group g, of
//                              gradient[n,p,q,k] * filters[r,s,c,k]
//                              + window_sums[n,h,w,g] * (adjust[g,c] with SUMS_FACTOR)       with ADD_SUMS
//                              + bias[g,c]                                                   with BIAS
//
// gradient     [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS * GROUP_OUT], of the convolution's output z
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// output       [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS * GROUP_IN]; overwritten, or added to with ACCUMULATE
// adjust       [GROUPS * GROUP_IN], with SUMS_FACTOR
// window_sums  [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS]: the window sum's gradient brought back to the input's pixels
// bias         [GROUPS * GROUP_IN], with BIAS
// status       [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread an input element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(1) var<storage, read_write> filters: array<Element>;
@group(0) @binding(2) var<storage, read_write> output: array<Element>;
@group(0) @binding(3) var<storage, read_write> adjust: array<f32>;
@group(0) @binding(4) var<storage, read_write> window_sums: array<f32>;
@group(0) @binding(5) var<storage, read_write> status: array<f32>;
@group(0) @binding(6) var<storage, read_write> bias: array<f32>;

const IN_CHANNELS = GROUPS * GROUP_IN;
const OUT_CHANNELS = GROUPS * GROUP_OUT;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * IN_HEIGHT * IN_WIDTH * IN_CHANNELS) {
    return;
  }
  let channel = element % IN_CHANNELS;
  let pixel = element / IN_CHANNELS;
  let w = pixel % IN_WIDTH;
  let h = pixel / IN_WIDTH % IN_HEIGHT;
  let n = pixel / IN_WIDTH / IN_HEIGHT;
  let group = channel / GROUP_IN;
  let c = channel % GROUP_IN;

  var sum = 0.0;
  for (var r = 0u; r < FILTER_HEIGHT; r++) {
    for (var s = 0u; s < FILTER_WIDTH; s++) {
      let tall = i32(h) + PADDING_HEIGHT - i32(r * DILATION_HEIGHT);
      let wide = i32(w) + PADDING_WIDTH - i32(s * DILATION_WIDTH);
      let p = tall / i32(STRIDE_HEIGHT);
      let q = wide / i32(STRIDE_WIDTH);
      let whole = (tall % i32(STRIDE_HEIGHT) == 0) & (wide % i32(STRIDE_WIDTH) == 0);
      if (whole & (u32(p) < OUT_HEIGHT) & (u32(q) < OUT_WIDTH)) {
        let base = ((n * OUT_HEIGHT + u32(p)) * OUT_WIDTH + u32(q)) * OUT_CHANNELS + group * GROUP_OUT;
        let row = ((r * FILTER_WIDTH + s) * GROUP_IN + c) * OUT_CHANNELS + group * GROUP_OUT;
        for (var k = 0u; k < GROUP_OUT; k++) {
          sum += f32(gradient[base + k]) * f32(filters[row + k]);
        }
      }
    }
  }
  if (ADD_SUMS) {
    var added = window_sums[pixel * GROUPS + group];
    if (SUMS_FACTOR) {
      added *= adjust[channel];
    }
    sum += added;
  }
  if (BIAS) {
    sum += bias[channel];
  }
  if (ACCUMULATE) {
    sum += f32(output[element]);
  }
  output[element] = Element(sum);
  if (CHECKED) {
    if (!fits(sum, sum, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
