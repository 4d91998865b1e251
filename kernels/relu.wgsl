// output[i] = max(input[i], 0), at most RELU_MAXIMUM where that is not 0; NaN kept
//
// input, output  [COUNT]; output overwritten
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Stored>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  output[element] = Stored(relu(Vector(input[element])));
}
