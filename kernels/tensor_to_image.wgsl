// One image of a batch, scaled and shifted, as the pixels of a texture.
//
//   image[y,x] = SCALES * input[y,x] + SHIFTS, clamped to 0 ... 1
//   one channel is grey, three are R, G, B, and four are R, G, B and alpha; alpha is 1 without a fourth channel
//
// input  [HEIGHT, WIDTH, CHANNELS]
// image  a storage texture of at least WIDTH x HEIGHT pixels, of which these are overwritten
// Grid: one thread a pixel, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var image: texture_storage_2d<rgba8unorm, write>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let pixel = workgroup_index(workgroup) * 64u + local;
  if (pixel >= HEIGHT * WIDTH) {
    return;
  }
  var values = vec4<f32>();
  for (var c = 0u; c < CHANNELS; c++) {
    values[c] = input[pixel * CHANNELS + c];
  }
  values = values * vec4<f32>(SCALE_0, SCALE_1, SCALE_2, SCALE_3) + vec4<f32>(SHIFT_0, SHIFT_1, SHIFT_2, SHIFT_3);
  if (CHANNELS == 1u) {
    values = values.xxxw;
  }
  if (CHANNELS < 4u) {
    values.w = 1.0;
  }
  textureStore(image, vec2u(pixel % WIDTH, pixel / WIDTH), clamp(values, vec4<f32>(), vec4<f32>(1.0)));
}
