// Gradient of mean pooling: every window's gradient is shared by its pixels.
//
//   input_gradient[n,h,w,c] = sum over the windows (p,q) that contain the pixel of gradient[n,p,q,c] / pixels(p,q)
//   pixels = those of the window that count: of the padded image those from row COUNT_TOP to ahead of COUNT_BOTTOM and from column
//            COUNT_LEFT to ahead of COUNT_RIGHT, which are those of the image, or with padding all
//
// gradient        [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS]
// input_gradient  [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS], overwritten, or added to with ACCUMULATE
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// counted() is in shared/counted.wgsl.
// Grid: one thread an input element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(1) var<storage, read_write> input_gradient: array<Element>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

// The first and one past the last window along an axis that contain a padded position.
fn first_window(position: u32, window: u32, stride: u32) -> u32 {
  return select(0u, (position - window) / stride + 1u, position >= window);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * IN_HEIGHT * IN_WIDTH * CHANNELS) {
    return;
  }
  let c = element % CHANNELS;
  let pixel = element / CHANNELS;
  let w = pixel % IN_WIDTH + u32(PADDING_WIDTH);
  let h = pixel / IN_WIDTH % IN_HEIGHT + u32(PADDING_HEIGHT);
  let n = pixel / IN_WIDTH / IN_HEIGHT;
  let last_p = min(h / STRIDE_HEIGHT, OUT_HEIGHT - 1u);
  let last_q = min(w / STRIDE_WIDTH, OUT_WIDTH - 1u);
  var sum = 0.0;
  for (var p = first_window(h, WINDOW_HEIGHT, STRIDE_HEIGHT); p <= last_p; p++) {
    for (var q = first_window(w, WINDOW_WIDTH, STRIDE_WIDTH); q <= last_q; q++) {
      let rows = counted(p, STRIDE_HEIGHT, WINDOW_HEIGHT, COUNT_TOP, COUNT_BOTTOM);
      let pixels = rows * counted(q, STRIDE_WIDTH, WINDOW_WIDTH, COUNT_LEFT, COUNT_RIGHT);
      sum += f32(gradient[((n * OUT_HEIGHT + p) * OUT_WIDTH + q) * CHANNELS + c]) / f32(pixels);
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
