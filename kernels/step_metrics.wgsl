// What is kept of one training step: its mean loss, how many examples were right, and with DISTANCES the mean distance from
// a teacher's logits, in the step's slot of rings. The first step where one of them is not finite is noted in the status;
// from then on the optimisers leave the parameters alone.
//
//   ring[step % RING] = (sum of losses / MEAN_OVER, number of ranks below 1), or added to it with ACCUMULATE
//   distance_ring[step % RING] = sum of distances / MEAN_OVER, likewise, with DISTANCES
//   status[0] = step + 1 where it is 0 and a mean is NaN or infinite
//
// losses         [BATCH]
// ranks          [BATCH], u32
// ring           [RING, 2], one entry overwritten or added to
// status         [1], u32
// step_state      uniform: the step, counted from 0
// distances      [BATCH], with DISTANCES
// distance_ring  [RING], one entry overwritten or added to, with DISTANCES
// Grid: one workgroup.
@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> ranks: array<u32>;
@group(0) @binding(2) var<storage, read_write> ring: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> status: array<u32>;
@group(0) @binding(4) var<uniform> step_state: StepState;
@group(0) @binding(5) var<storage, read_write> distances: array<f32>;
@group(0) @binding(6) var<storage, read_write> distance_ring: array<f32>;

var<workgroup> partials: array<vec3<f32>, 64>;

fn is_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  var own = vec3<f32>();
  for (var n = local; n < BATCH; n += 64u) {
    own += vec3(losses[n], select(0.0, 1.0, ranks[n] == 0u), 0.0);
    if (DISTANCES) {
      own.z += distances[n];
    }
  }
  partials[local] = own;
  workgroupBarrier();
  if (local == 0u) {
    var total = vec3<f32>();
    for (var i = 0u; i < 64u; i++) {
      total += partials[i];
    }
    let slot = step_state.step % RING;
    var entry = vec2(total.x / f32(MEAN_OVER), total.y);
    var distance = total.z / f32(MEAN_OVER);
    if (ACCUMULATE) {
      entry += ring[slot];
      if (DISTANCES) {
        distance += distance_ring[slot];
      }
    }
    ring[slot] = entry;
    if (DISTANCES) {
      distance_ring[slot] = distance;
    }
    if (!(is_finite(entry.x) & is_finite(distance)) & (status[0] == 0u)) {
      status[0] = step_state.step + 1u;
    }
  }
}
