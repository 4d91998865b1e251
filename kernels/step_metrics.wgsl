// What is kept of one training step: its mean loss and how many examples were right, in the step's slot of a ring. The
// first step whose loss is not finite is noted in the status; from then on the optimisers leave the parameters alone.
//
//   ring[step % RING] = (mean of losses, number of ranks below 1)
//   status[0] = step + 1 where it is 0 and the mean is NaN or infinite
//
// losses     [BATCH]
// ranks      [BATCH], u32
// ring       [RING, 2], one entry overwritten
// status     [1], u32
// step_state  uniform: the step, counted from 0
// Grid: one workgroup.
@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> ranks: array<u32>;
@group(0) @binding(2) var<storage, read_write> ring: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> status: array<u32>;
@group(0) @binding(4) var<uniform> step_state: StepState;

var<workgroup> partials: array<vec2<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  var own = vec2<f32>();
  for (var n = local; n < BATCH; n += 64u) {
    own += vec2(losses[n], select(0.0, 1.0, ranks[n] == 0u));
  }
  partials[local] = own;
  workgroupBarrier();
  if (local == 0u) {
    var total = vec2<f32>();
    for (var i = 0u; i < 64u; i++) {
      total += partials[i];
    }
    let mean = total.x / f32(BATCH);
    ring[step_state.step % RING] = vec2(mean, total.y);
    let finite = (bitcast<u32>(mean) & 0x7f800000u) != 0x7f800000u;
    if (!finite & (status[0] == 0u)) {
      status[0] = step_state.step + 1u;
    }
  }
}
