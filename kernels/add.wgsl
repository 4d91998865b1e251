// output[i] = left[i] + right[i], with ACTIVATED through `activate` (of shared/relu.wgsl or one of its like)
//
// left, right, output  [COUNT]; output overwritten
// status               [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> left: array<Stored>;
@group(0) @binding(1) var<storage, read_write> right: array<Stored>;
@group(0) @binding(2) var<storage, read_write> output: array<Stored>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  var sum = Vector(left[element]) + Vector(right[element]);
  if (ACTIVATED) {
    sum = activate(sum);
  }
  output[element] = Stored(sum);
  if (CHECKED) {
    if (!fits(sum, sum, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
