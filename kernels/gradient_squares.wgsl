// Sums of squares, one partial a workgroup, for the global norm of the gradients.
//
//   partials[FIRST + workgroup] = sum over the workgroup's SPAN elements of gradients^2
//
// gradients  [COUNT]
// partials   [FIRST + WORKGROUPS or more], WORKGROUPS of them overwritten
// Grid: one workgroup of 64 threads for every SPAN elements. SPAN is a multiple of 256, COUNT of 4.
@group(0) @binding(0) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup);
  let last = min((index + 1u) * SPAN, COUNT) / 4u;
  var own = 0.0;
  for (var element = index * SPAN / 4u + local; element < last; element += 64u) {
    let value = gradients[element];
    own += dot(value, value);
  }
  sums[local] = own;
  workgroupBarrier();
  if ((local == 0u) & (index < WORKGROUPS)) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) {
      total += sums[i];
    }
    partials[FIRST + index] = total;
  }
}
