// output[i] = activate(input[i]): a ReLU, or another function of every element (one of shared/relu.wgsl and its like)
//
// input, output  [COUNT]; output overwritten
// status         [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Stored>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  let value = activate(Vector(input[element]));
  output[element] = Stored(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
