// Gradient of the local response norm.
//
//   input_gradient[i,c] = gradient[i,c] * s[i,c]^-BETA
//     - 2 ALPHA BETA input[i,c] * sum over j of gradient[i,j] * input[i,j] * s[i,j]^(-BETA - 1)
//   over the channels j whose neighbourhood c is in, from c - (SIZE - 1) / 2 to c + SIZE / 2; s as in local_response_norm;
//   added to what is there with ACCUMULATE
//
// gradient        [PIXELS, CHANNELS], of the output
// input           [PIXELS, CHANNELS]
// input_gradient  [PIXELS, CHANNELS]
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread an element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(1) var<storage, read_write> input: array<Element>;
@group(0) @binding(2) var<storage, read_write> input_gradient: array<Element>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * CHANNELS) {
    return;
  }
  let c = element % CHANNELS;
  let pixel = element / CHANNELS;
  var spread = 0.0;
  for (var i = 0u; i < SIZE; i++) {
    let j = c + SIZE / 2u - i;
    if (j < CHANNELS) {
      let place = pixel * CHANNELS + j;
      spread += f32(gradient[place]) * f32(input[place]) * pow(response(pixel, j), -BETA - 1.0);
    }
  }
  var value = f32(gradient[element]) * pow(response(pixel, c), -BETA);
  value -= 2.0 * ALPHA * BETA * f32(input[element]) * spread;
  if (ACCUMULATE) {
    value += f32(input_gradient[element]);
  }
  input_gradient[element] = Element(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
