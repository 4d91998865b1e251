// input_gradient[i] = gradient[i] where activation[i] > 0, and < RELU_MAXIMUM where that is not 0; else 0
//
// gradient        [COUNT], of the ReLU's output
// activation      [COUNT], the ReLU's output (or input: both are between the bounds at the same places)
// input_gradient  [COUNT], overwritten, or added to with ACCUMULATE
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> activation: array<Stored>;
@group(0) @binding(2) var<storage, read_write> input_gradient: array<Stored>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  var value = relu_gradient(Vector(gradient[element]), Vector(activation[element]));
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
