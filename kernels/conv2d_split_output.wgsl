// Last part of a convolution whose reduction is split (conv2d_tiled with SPLITS > 1): adds up the parts, and makes of the sums
// what follows in registers.
//
//   output = what shared/convolution_output.wgsl makes of z = sum over splits of parts and, with SUMS, S = sum of part_sums
//
// parts      [SPLITS, BATCH * OUT_HEIGHT * OUT_WIDTH, GROUPS * GROUP_OUT]
// part_sums  [SPLITS, BATCH * OUT_HEIGHT * OUT_WIDTH, GROUPS], with SUMS
// A pixel that meets fewer filter taps than others, as with UP > 1, has fewer parts: as many as make TAP_STEPS steps for each of
// its taps, SPLIT_STEPS a part.
// The other bindings are those of shared/convolution_output.wgsl.
// Grid: one thread a vector of output channels of THREAD_PIXELS neighbouring pixels, 64 a workgroup.
// Limits: VECTOR divides GROUP_OUT.
@group(0) @binding(0) var<storage, read_write> parts: array<Vector>;
@group(0) @binding(1) var<storage, read_write> part_sums: array<f32>;

const OUT_PIXELS = BATCH * OUT_HEIGHT * OUT_WIDTH;

// Filter taps along an axis that meet a pixel of the input.
fn taps_along(place: u32, filter_size: u32, dilation: u32, padding: i32, up: u32) -> u32 {
  var taps = 0u;
  for (var tap = 0u; tap < filter_size; tap++) {
    taps += u32((i32(place % up + tap * dilation) - padding) % i32(up) == 0);
  }
  return taps;
}

fn parts_of(pixel: u32) -> u32 {
  var parts = SPLITS;
  if (UP_HEIGHT * UP_WIDTH > 1u) {
    let p = pixel / OUT_WIDTH % OUT_HEIGHT;
    let q = pixel % OUT_WIDTH;
    let rows = taps_along(p, FILTER_HEIGHT, DILATION_HEIGHT, PADDING_HEIGHT, UP_HEIGHT);
    let columns = taps_along(q, FILTER_WIDTH, DILATION_WIDTH, PADDING_WIDTH, UP_WIDTH);
    parts = (rows * columns * TAP_STEPS + SPLIT_STEPS - 1u) / SPLIT_STEPS;
  }
  return parts;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup) * 64u + local;
  let k = index % OUT_VECTORS;
  let first = index / OUT_VECTORS * THREAD_PIXELS;
  if (first >= OUT_PIXELS) {
    return;
  }
  let group = k / GROUP_VECTORS;
  let terms = channel_terms(k);
  var moments: Moments;
  for (var pixel = first; pixel < min(first + THREAD_PIXELS, OUT_PIXELS); pixel++) {
    var z = Vector();
    var sum = 0.0;
    let count = parts_of(pixel);
    for (var split = 0u; split < count; split++) {
      let part_pixel = split * OUT_PIXELS + pixel;
      z += parts[part_pixel * OUT_VECTORS + k];
      if (SUMS != 0u) {
        sum += part_sums[part_pixel * GROUPS + group];
      }
    }
    let stored = store_output(pixel, group, k, z, sum, terms);
    if (STORE_SUMS) {
      if (k % GROUP_VECTORS == 0u) {
        window_sums[pixel * GROUPS + group] = sum;
      }
    }
    if (STATISTICS) {
      moments = with_value(moments, stored);
    }
  }
  if (STATISTICS) {
    store_moments(first / THREAD_PIXELS, k, moments);
  }
}
