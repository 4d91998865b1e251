// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), as PyTorch's, on all parameters at once.
//
//   g = clip * gradient                                       clip is 1 without CLIP
//   rate = learning_rate * factor
//   parameter -= rate * weight_decay * parameter
//   mean = beta1 * mean + (1 - beta1) * g;  square = beta2 * square + (1 - beta2) * g * g
//   parameter -= rate / (1 - beta1^t) * mean / (sqrt(square / (1 - beta2^t)) + EPSILON)
//
// With CHECK nothing is updated: where one of the new values is not finite, status = (step + 1, 0xffffffff).
//
// parameters, gradients, means, squares  [COUNT]; parameters, means and squares updated
// groups      [COUNT / 64], u32: the parameter group of each block of 64 elements
// settings    [groups] of (learning-rate factor, weight decay, beta1, beta2)
// clipping    (factor, norm), with CLIP
// status      [2], u32: nothing is updated where status[0] is not 0
// step_state  uniform
// Grid: one thread 4 elements, 64 a workgroup. COUNT is a multiple of 64.
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> means: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> squares: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> groups: array<u32>;
@group(0) @binding(5) var<storage, read_write> settings: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> clipping: array<f32>;
@group(0) @binding(7) var<storage, read_write> status: array<atomic<u32>>;
@group(0) @binding(8) var<uniform> step_state: StepState;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if ((element >= COUNT / 4u) | (atomicLoad(&status[0]) != 0u)) {
    return;
  }
  let setting = settings[groups[element / 16u]];
  let rate = step_state.learning_rate * setting.x;
  var gradient = gradients[element];
  if (CLIP) {
    gradient *= clipping[0];
  }
  let mean = setting.z * means[element] + (1.0 - setting.z) * gradient;
  let square = setting.w * squares[element] + (1.0 - setting.w) * gradient * gradient;
  let parameter = parameters[element] * (1.0 - rate * setting.y);
  let denominator = sqrt(square / step_state.second_correction) + EPSILON;
  let updated = parameter - rate / step_state.first_correction * mean / denominator;
  if (CHECK) {
    if (!(all_finite(mean) & all_finite(square) & all_finite(updated))) {
      atomicStore(&status[0], step_state.step + 1u);
      atomicStore(&status[1], 0xffffffffu);
    }
  } else {
    means[element] = mean;
    squares[element] = square;
    parameters[element] = updated;
  }
}
