// The last step of a split reduction.
//
//   output[i] = sum over slices of slices[slice, i]
//
// slices  [SLICES, COUNT], from element FIRST on
// output  [COUNT], overwritten
// Grid: one thread an element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> slices: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= COUNT) {
    return;
  }
  var sum = 0.0;
  for (var slice = 0u; slice < SLICES; slice++) {
    sum += slices[FIRST + slice * COUNT + element];
  }
  output[element] = sum;
}
