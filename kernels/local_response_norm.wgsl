// Every value divided by a power of its neighbourhood across channels (Krizhevsky et al., 2012).
//
//   output[i,c] = input[i,c] * s[i,c]^-BETA
//   s[i,c] = K + ALPHA * sum over j from c - SIZE / 2 to c + (SIZE - 1) / 2 of input[i,j]^2
//
// input   [PIXELS, CHANNELS]
// output  [PIXELS, CHANNELS], overwritten
// status  [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread an element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> output: array<Element>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * CHANNELS) {
    return;
  }
  let value = f32(input[element]) * pow(response(element / CHANNELS, element % CHANNELS), -BETA);
  output[element] = Element(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
