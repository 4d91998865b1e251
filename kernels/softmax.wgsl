// Softmax over the channels.
//
//   output[pixel,c] = exp(input[pixel,c] - m) / sum over k of exp(input[pixel,k] - m), m the largest of the pixel's channels
//
// input   [PIXELS, CHANNELS]
// output  [PIXELS, CHANNELS], overwritten
// Grid: one thread a pixel, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let pixel = workgroup_index(workgroup) * 64u + local;
  if (pixel >= PIXELS) {
    return;
  }
  let base = pixel * CHANNELS;
  var largest = input[base];
  for (var c = 1u; c < CHANNELS; c++) {
    largest = max(largest, input[base + c]);
  }
  var total = 0.0;
  for (var c = 0u; c < CHANNELS; c++) {
    let power = exp(input[base + c] - largest);
    output[base + c] = power;
    total += power;
  }
  for (var c = 0u; c < CHANNELS; c++) {
    output[base + c] /= total;
  }
}
