// input_gradient[i] = gradient[i] times the slope of `activate` at input[i]: of a ReLU, or of one of its like in shared
//
// gradient        [COUNT], of what `activate` made
// input           [COUNT], what it was applied to; of a ReLU what it made does as well: both are between the bounds at the
//                 same places
// input_gradient  [COUNT], overwritten, or added to with ACCUMULATE
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> input: array<Stored>;
@group(0) @binding(2) var<storage, read_write> input_gradient: array<Stored>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  var value = activation_gradient(Vector(gradient[element]), Vector(input[element]));
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
