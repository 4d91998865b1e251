// output[i] = left[i] + right[i], with RELU rectified as in shared/relu.wgsl
//
// left, right, output  [COUNT]; output overwritten
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> left: array<Vector>;
@group(0) @binding(1) var<storage, read_write> right: array<Vector>;
@group(0) @binding(2) var<storage, read_write> output: array<Vector>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  let sum = left[element] + right[element];
  if (RELU) {
    output[element] = relu(sum);
  } else {
    output[element] = sum;
  }
}
