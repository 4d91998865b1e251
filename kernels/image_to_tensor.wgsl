// A rectangle of a texture, resized and normalised: one image of a batch.
//
//   output[y,x,c] = SCALES[c] * resampled(x * STEP_X + ORIGIN_X, y * STEP_Y + ORIGIN_Y, c) + SHIFTS[c]
//   resampled, and what is done where the rectangle lies outside of the texture: shared/resample.wgsl
//
// image   the texture, of at least IMAGE_WIDTH x IMAGE_HEIGHT pixels
// output  [OUT_HEIGHT, OUT_WIDTH, CHANNELS], overwritten
// Grid: one thread a pixel of the output, 64 a workgroup.
@group(0) @binding(0) var image: texture_2d<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<Element>;

fn load_pixel(x: u32, y: u32) -> vec4<f32> {
  return textureLoad(image, vec2u(x, y), 0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let pixel = workgroup_index(workgroup) * 64u + local;
  if (pixel >= OUT_HEIGHT * OUT_WIDTH) {
    return;
  }
  let values = normalised_pixel(pixel % OUT_WIDTH, pixel / OUT_WIDTH);
  for (var c = 0u; c < CHANNELS; c++) {
    output[pixel * CHANNELS + c] = Element(values[c]);
  }
}
