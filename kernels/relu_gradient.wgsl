// input_gradient[i] = gradient[i] where activation[i] > 0, and < RELU_MAXIMUM where that is not 0; else 0
//
// gradient        [COUNT], of the ReLU's output
// activation      [COUNT], the ReLU's output (or input: both are between the bounds at the same places)
// input_gradient  [COUNT], overwritten, or added to with ACCUMULATE
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> gradient: array<Vector>;
@group(0) @binding(1) var<storage, read_write> activation: array<Vector>;
@group(0) @binding(2) var<storage, read_write> input_gradient: array<Vector>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  var value = relu_gradient(gradient[element], activation[element]);
  if (ACCUMULATE) {
    value += input_gradient[element];
  }
  input_gradient[element] = value;
}
