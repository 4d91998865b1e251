// Gradients of batch normalisation's weight and bias from the partial sums, and the coefficients of its input gradient.
//
//   bias_gradient[c]   = sum of g
//   weight_gradient[c] = sum of g * xhat
//   input gradient     = A * g + B * (input - mean) + C, with A = weight * inverseDeviation
//     steps[0,c] = A
//     steps[1,c] = B = - A * inverseDeviation * weight_gradient / PIXELS
//     steps[2,c] = C = - A * bias_gradient / PIXELS
//     steps[3,c] = mean
//     steps[4,c] = shift, what the normalisation added
//
// partials         [SLICES, 2, CHANNELS], from batch_norm_gradient_sums
// coefficients     [4, CHANNELS], from batch_norm_finish
// weight_gradient, bias_gradient  [CHANNELS], overwritten
// steps            [5, CHANNELS], overwritten
// Grid: one thread a channel, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> coefficients: array<f32>;
@group(0) @binding(2) var<storage, read_write> weight_gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> bias_gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> steps: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = workgroup_index(workgroup) * 64u + local;
  if (c >= CHANNELS) {
    return;
  }
  var sum = 0.0;
  var products = 0.0;
  for (var slice = 0u; slice < SLICES; slice++) {
    sum += partials[slice * 2u * CHANNELS + c];
    products += partials[(slice * 2u + 1u) * CHANNELS + c];
  }
  bias_gradient[c] = sum;
  weight_gradient[c] = products;
  let scale = coefficients[c];
  steps[c] = scale;
  steps[CHANNELS + c] = -scale * coefficients[3u * CHANNELS + c] * products / f32(PIXELS);
  steps[2u * CHANNELS + c] = -scale * sum / f32(PIXELS);
  steps[3u * CHANNELS + c] = coefficients[2u * CHANNELS + c];
  steps[4u * CHANNELS + c] = coefficients[CHANNELS + c];
}
