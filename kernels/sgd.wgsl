// Stochastic gradient descent with momentum, Nesterov and weight decay, as PyTorch's, on all parameters at once.
//
//   g = clip * gradient + weight_decay * parameter            clip is 1 without CLIP
//   velocity = momentum * velocity + g
//   parameter -= learning_rate * factor * (NESTEROV ? g + momentum * velocity : velocity)
//
// With CHECK nothing is updated: where one of the new values is not finite, status = (step + 1, 0xffffffff).
//
// parameters, gradients, velocities  [COUNT], parameters and velocities updated
// groups      [COUNT / 64], u32: the parameter group of each block of 64 elements
// settings    [groups] of (learning-rate factor, weight decay, momentum, unused)
// clipping    (factor, norm), with CLIP
// status      [2], u32: nothing is updated where status[0] is not 0
// step_state  uniform
// Grid: one thread 4 elements, 64 a workgroup. COUNT is a multiple of 64.
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> velocities: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> groups: array<u32>;
@group(0) @binding(4) var<storage, read_write> settings: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> clipping: array<f32>;
@group(0) @binding(6) var<storage, read_write> status: array<atomic<u32>>;
@group(0) @binding(7) var<uniform> step_state: StepState;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if ((element >= COUNT / 4u) | (atomicLoad(&status[0]) != 0u)) {
    return;
  }
  let setting = settings[groups[element / 16u]];
  let momentum = setting.z;
  let parameter = parameters[element];
  var gradient = gradients[element];
  if (CLIP) {
    gradient *= clipping[0];
  }
  gradient += setting.y * parameter;
  let velocity = momentum * velocities[element] + gradient;
  var step = velocity;
  if (NESTEROV) {
    step = gradient + momentum * velocity;
  }
  let updated = parameter - step_state.learning_rate * setting.x * step;
  if (CHECK) {
    if (!(all_finite(velocity) & all_finite(updated))) {
      atomicStore(&status[0], step_state.step + 1u);
      atomicStore(&status[1], 0xffffffffu);
    }
  } else {
    velocities[element] = velocity;
    parameters[element] = updated;
  }
}
