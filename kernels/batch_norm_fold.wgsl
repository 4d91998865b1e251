// The scale and shift that batch normalisation is at inference.
//
//   scale_shift[0,c] = weight / sqrt(running_variance + EPSILON)
//   scale_shift[1,c] = bias - running_mean * scale_shift[0,c]
//
// weight, bias, running_mean, running_variance  [CHANNELS]
// scale_shift  [2, CHANNELS], overwritten
// Grid: one thread a channel, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> running_variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> scale_shift: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = workgroup_index(workgroup) * 64u + local;
  if (c >= CHANNELS) {
    return;
  }
  let scale = weight[c] / sqrt(running_variance[c] + EPSILON);
  scale_shift[c] = scale;
  scale_shift[CHANNELS + c] = bias[c] - running_mean[c] * scale;
}
