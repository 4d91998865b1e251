// The end of a step of mixed precision: gradients are float16 times a scale, which keeps the small ones apart from 0. A step in
// which something did not fit is as if it had not been, and halves the scale; so many good ones behind each other double it.
//
//   ring[step % RING] = (scale, 1 where the step has a fault, else 0)
//   without a fault:        good_steps += 1, and where that makes GROWTH_INTERVAL 0 again and scale = min(2 * scale, LARGEST)
//                           corrections += decays * (1 - corrections): AdamW's 1 - beta^t of the update to come
//   with one, scale > 1:    scale = scale / 2, good_steps = 0
//   with one, scale 1:      status = (step + 1, what), from which on nothing changes: a smaller scale is no help
//   fault = 0 but in the last case
//
// loss_scale  [8]: (1 / scale, scale, two corrections, good_steps, two decays, unused); the decays are 1 - beta
// fault       [4], u32: (0 where the step is good, what was not finite) as optimisers and step_metrics leave it, or in the first
//             anything but 0 and step + 1 where a value did not fit into float16, which is 0xfffffffe as what
// status      [2], u32
// ring        [RING, 2], one entry overwritten
// step_state  uniform: the step, counted from 0
// Grid: one workgroup of one thread.
@group(0) @binding(0) var<storage, read_write> loss_scale: array<f32>;
@group(0) @binding(1) var<storage, read_write> fault: array<u32>;
@group(0) @binding(2) var<storage, read_write> status: array<u32>;
@group(0) @binding(3) var<storage, read_write> ring: array<vec2<f32>>;
@group(0) @binding(4) var<uniform> step_state: StepState;

const LARGEST = 16777216.0;

fn set_scale(scale: f32) {
  loss_scale[0] = 1.0 / scale;
  loss_scale[1] = scale;
  loss_scale[4] = 0.0;
}

@compute @workgroup_size(1)
fn main() {
  if (status[0] != 0u) {
    return;
  }
  let scale = loss_scale[1];
  let faulty = fault[0] != 0u;
  ring[step_state.step % RING] = vec2(scale, select(0.0, 1.0, faulty));
  if (!faulty) {
    loss_scale[2] += loss_scale[5] * (1.0 - loss_scale[2]);
    loss_scale[3] += loss_scale[6] * (1.0 - loss_scale[3]);
    loss_scale[4] += 1.0;
    if (loss_scale[4] >= f32(GROWTH_INTERVAL)) {
      set_scale(min(2.0 * scale, LARGEST));
    }
  } else if (scale > 1.0) {
    set_scale(scale / 2.0);
    fault[0] = 0u;
    fault[1] = 0u;
  } else {
    status[0] = step_state.step + 1u;
    status[1] = select(0xfffffffeu, fault[1], fault[0] == step_state.step + 1u);
  }
}
