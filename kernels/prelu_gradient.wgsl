// Gradient of PReLU with respect to its input.
//
//   input_gradient[i,c] = gradient[i,c], where input[i,c] is not above 0 slope[c] * gradient[i,c]
//
// gradient        [PIXELS, CHANNELS], of the output
// input           [PIXELS, CHANNELS]
// slope           [CHANNELS], float32
// input_gradient  [PIXELS, CHANNELS], overwritten, or added to with ACCUMULATE
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector of channels, 64 a workgroup. VECTOR divides CHANNELS.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> input: array<Stored>;
@group(0) @binding(2) var<storage, read_write> slope: array<Vector>;
@group(0) @binding(3) var<storage, read_write> input_gradient: array<Stored>;
@group(0) @binding(4) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * VECTORS) {
    return;
  }
  let incoming = Vector(gradient[element]);
  var value = select(slope[element % VECTORS] * incoming, incoming, Vector(input[element]) > Vector());
  if (ACCUMULATE) {
    value += Vector(input_gradient[element]);
  }
  input_gradient[element] = Stored(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
