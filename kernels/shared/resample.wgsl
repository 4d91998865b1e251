// An image read at the pixel centres of a smaller or larger one, and normalised; needs load_pixel() of the kernel.
//
// The centre of output pixel (x, y) lies at (x + 0.5) * STEP + ORIGIN of the image. Its value is the mean of the image's
// pixels around, weighted by a triangle that is SUPPORT_X and SUPPORT_Y pixels wide to either side: 1 is bilinear
// interpolation, and the step between output pixels, where it is above 1, averages what lies between them. Pixels beyond the
// image's edge have no weight. With BORDER output pixels whose centre lies outside of the image are 0 before normalisation.
//
// One channel is the luminance 0.299 R + 0.587 G + 0.114 B, three are R, G, B, and four are R, G, B and alpha.

// Weighted mean of the image's pixels around a point.
fn resample(x: f32, y: f32) -> vec4<f32> {
  let first_x = u32(max(floor(x - SUPPORT_X), 0.0));
  let first_y = u32(max(floor(y - SUPPORT_Y), 0.0));
  let last_x = min(u32(max(ceil(x + SUPPORT_X), 0.0)), IMAGE_WIDTH);
  let last_y = min(u32(max(ceil(y + SUPPORT_Y), 0.0)), IMAGE_HEIGHT);
  var sum = vec4<f32>();
  var weights = 0.0;
  for (var v = first_y; v < last_y; v++) {
    let weight_y = max(1.0 - abs(f32(v) + 0.5 - y) / SUPPORT_Y, 0.0);
    for (var u = first_x; u < last_x; u++) {
      let weight = weight_y * max(1.0 - abs(f32(u) + 0.5 - x) / SUPPORT_X, 0.0);
      // A pixel without weight takes no part: 0 times NaN or infinity would be NaN.
      sum += select(vec4<f32>(), weight * load_pixel(u, v), weight > 0.0);
      weights += weight;
    }
  }
  return sum / weights;
}

fn normalised_pixel(column: u32, row: u32) -> vec4<f32> {
  let x = (f32(column) + 0.5) * STEP_X + ORIGIN_X;
  let y = (f32(row) + 0.5) * STEP_Y + ORIGIN_Y;
  var value = vec4<f32>();
  let outside = (x < 0.0) | (y < 0.0) | (x > f32(IMAGE_WIDTH)) | (y > f32(IMAGE_HEIGHT));
  if (!(BORDER & outside)) {
    value = resample(clamp(x, 0.0, f32(IMAGE_WIDTH)), clamp(y, 0.0, f32(IMAGE_HEIGHT)));
  }
  if (CHANNELS == 1u) {
    value.x = dot(value.xyz, vec3<f32>(0.299, 0.587, 0.114));
  }
  return value * vec4<f32>(SCALE_0, SCALE_1, SCALE_2, SCALE_3) + vec4<f32>(SHIFT_0, SHIFT_1, SHIFT_2, SHIFT_3);
}
