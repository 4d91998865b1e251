// Gradient of max pooling: every window's gradient goes to its winner.
//
//   input_gradient[n,h,w,c] = sum over the windows (p,q) that contain the pixel and whose winner it is of gradient[n,p,q,c]
//
// gradient        [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS]
// winners         as gradient, u32, from max_pool
// input_gradient  [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS], overwritten, or added to with ACCUMULATE
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread an input element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(1) var<storage, read_write> winners: array<u32>;
@group(0) @binding(2) var<storage, read_write> input_gradient: array<Element>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * IN_HEIGHT * IN_WIDTH * CHANNELS) {
    return;
  }
  let c = element % CHANNELS;
  let pixel = element / CHANNELS;
  let w = pixel % IN_WIDTH;
  let h = pixel / IN_WIDTH % IN_HEIGHT;
  let n = pixel / IN_WIDTH / IN_HEIGHT;
  var sum = 0.0;
  for (var r = 0u; r < WINDOW_HEIGHT; r++) {
    let tall = i32(h) + PADDING_HEIGHT - i32(r);
    let p = tall / i32(STRIDE_HEIGHT);
    if ((tall % i32(STRIDE_HEIGHT) != 0) | (u32(p) >= OUT_HEIGHT)) {
      continue;
    }
    for (var s = 0u; s < WINDOW_WIDTH; s++) {
      let wide = i32(w) + PADDING_WIDTH - i32(s);
      let q = wide / i32(STRIDE_WIDTH);
      if ((wide % i32(STRIDE_WIDTH) != 0) | (u32(q) >= OUT_WIDTH)) {
        continue;
      }
      let base = ((n * OUT_HEIGHT + u32(p)) * OUT_WIDTH + u32(q)) * CHANNELS + c;
      sum += select(0.0, f32(gradient[base]), winners[base] == r * WINDOW_WIDTH + s);
    }
  }
  if (ACCUMULATE) {
    sum += f32(input_gradient[element]);
  }
  input_gradient[element] = Element(sum);
  if (CHECKED) {
    if (!fits(sum, sum, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
