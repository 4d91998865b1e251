// A tensor in another precision: output[i] = input[i], rounded where it has to be.
//
// input   [COUNT], float32 with NARROW (shared/narrow.wgsl), else float16 (shared/widen.wgsl)
// output  [COUNT], the other one; overwritten
// status  [4], with NARROW: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> input: array<From>;
@group(0) @binding(1) var<storage, read_write> output: array<To>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT / VECTOR) {
    return;
  }
  let value = Vector(input[element]);
  output[element] = To(value);
  if (NARROW) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
