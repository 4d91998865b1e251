// A copy: what a device reads and writes at best.
//
//   output[i] = input[i]
//
// input   [COUNT]
// output  [COUNT], overwritten
// Grid: one thread 4 elements, 64 a workgroup.
// Limits: 4 divides COUNT.
@group(0) @binding(0) var<storage, read_write> input: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element < COUNT / 4u) {
    output[element] = input[element];
  }
}
