// Mean and variance of the batch from the partial sums, the scale and shift that normalise it, and the running statistics.
//
//   mean = origin[c] + sum / PIXELS;  variance = squares / PIXELS - (sum / PIXELS)^2, at least 0
//   coefficients[0,c] = weight / sqrt(variance + EPSILON)     coefficients[1,c] = bias - mean * coefficients[0,c]
//   coefficients[2,c] = mean                                  coefficients[3,c] = 1 / sqrt(variance + EPSILON)
//   running_mean += MOMENTUM * (mean - running_mean)
//   running_variance += MOMENTUM * (variance * PIXELS / (PIXELS - 1) - running_variance)
//
// origin            [CHANNELS], the first of what batch_norm_statistics reads
// partials          [SLICES, 2, CHANNELS], from batch_norm_statistics
// weight, bias      [CHANNELS]
// coefficients      [4, CHANNELS], overwritten
// running_mean, running_variance  [CHANNELS], updated
// Grid: one thread a channel, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> origin: array<Element>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(5) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(6) var<storage, read_write> running_variance: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = workgroup_index(workgroup) * 64u + local;
  if (c >= CHANNELS) {
    return;
  }
  var sum = 0.0;
  var squares = 0.0;
  for (var slice = 0u; slice < SLICES; slice++) {
    sum += partials[slice * 2u * CHANNELS + c];
    squares += partials[(slice * 2u + 1u) * CHANNELS + c];
  }
  let distance = sum / f32(PIXELS);
  let mean = f32(origin[c]) + distance;
  // Rounding may leave it below 0; max() may swallow NaN.
  let difference = squares / f32(PIXELS) - distance * distance;
  let variance = select(difference, 0.0, difference < 0.0);
  let inverse = 1.0 / sqrt(variance + EPSILON);
  let scale = weight[c] * inverse;
  coefficients[c] = scale;
  coefficients[CHANNELS + c] = bias[c] - mean * scale;
  coefficients[2u * CHANNELS + c] = mean;
  coefficients[3u * CHANNELS + c] = inverse;
  let unbiased = variance * f32(PIXELS) / f32(max(PIXELS, 2u) - 1u);
  running_mean[c] += MOMENTUM * (mean - running_mean[c]);
  running_variance[c] += MOMENTUM * (unbiased - running_variance[c]);
}
