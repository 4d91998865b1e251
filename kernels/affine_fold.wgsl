// The scale and shift that an affine layer is, or with BEHIND that it is together with those ahead of it.
//
//   scale_shift[0,c] = weight[c] * (before[0,c] with BEHIND)
//   scale_shift[1,c] = bias[c] + (weight[c] * before[1,c] with BEHIND)
//
// weight, bias  [CHANNELS]
// before        [2, CHANNELS]: scales, then shifts; with BEHIND
// scale_shift   [2, CHANNELS], overwritten
// Grid: one thread a channel, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> before: array<f32>;
@group(0) @binding(3) var<storage, read_write> scale_shift: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = workgroup_index(workgroup) * 64u + local;
  if (c >= CHANNELS) {
    return;
  }
  var scale = weight[c];
  var shift = bias[c];
  if (BEHIND) {
    shift += scale * before[CHANNELS + c];
    scale *= before[c];
  }
  scale_shift[c] = scale;
  scale_shift[CHANNELS + c] = shift;
}
