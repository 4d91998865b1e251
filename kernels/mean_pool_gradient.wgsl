// Gradient of mean pooling: every window's gradient is shared by its pixels.
//
//   input_gradient[n,h,w,c] = sum over the windows (p,q) that contain the pixel of gradient[n,p,q,c] / pixels(p,q)
//   pixels = WINDOW_HEIGHT * WINDOW_WIDTH with COUNT_PADDING, else those of the window that are in the image
//
// gradient        [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS]
// input_gradient  [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS], overwritten, or added to with ACCUMULATE
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread an input element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(1) var<storage, read_write> input_gradient: array<Element>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

// The first and one past the last window along an axis that contain a padded position.
fn first_window(position: u32, window: u32, stride: u32) -> u32 {
  return select(0u, (position - window) / stride + 1u, position >= window);
}

// How many positions of a window along an axis are in the image.
fn inside(window: u32, stride: u32, padding: u32, length: u32, size: u32) -> u32 {
  let first = window * stride;
  return min(first + length, padding + size) - max(first, padding);
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
      var pixels = WINDOW_HEIGHT * WINDOW_WIDTH;
      if (!COUNT_PADDING) {
        pixels = inside(p, STRIDE_HEIGHT, u32(PADDING_HEIGHT), WINDOW_HEIGHT, IN_HEIGHT);
        pixels *= inside(q, STRIDE_WIDTH, u32(PADDING_WIDTH), WINDOW_WIDTH, IN_WIDTH);
      }
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
