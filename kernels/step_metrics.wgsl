// What is kept of one training step: its mean loss, how many examples were right, with DISTANCES the mean distance from a
// teacher's logits, and the running statistics that it arrived at.
//
// Means and the number of right ones go into the step's slot of rings. The first step where a mean or a running statistic is not
// finite is noted in the status, as may have been done ahead of this kernel; from then on the running statistics of the
// state stay as they are, and so do, by the optimisers, its parameters.
//
//   ring[step % RING] = (sum of losses / MEAN_OVER, number of ranks below 1), or added to it with ACCUMULATE
//   distance_ring[step % RING] = sum of distances / MEAN_OVER, likewise, with DISTANCES
//   status = (step + 1, 0) where a mean is NaN or infinite, else (step + 1, 1 + i) where one of statistics[i] to [i + 3] is, i the
//            first such multiple of 4; unless status[0] has noted an earlier step
//   running = statistics where status[0] is 0 then
//
// losses         [BATCH]
// ranks          [BATCH], u32
// ring           [RING, 2], one entry overwritten or added to
// status         [2], u32
// step_state      uniform: the step, counted from 0
// distances      [BATCH], with DISTANCES
// distance_ring  [RING], one entry overwritten or added to, with DISTANCES
// statistics     [COUNT], where COUNT is not 0
// running        [COUNT], overwritten as a whole or not at all, where COUNT is not 0
// Grid: one workgroup. COUNT is a multiple of 4.
@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> ranks: array<u32>;
@group(0) @binding(2) var<storage, read_write> ring: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> status: array<u32>;
@group(0) @binding(4) var<uniform> step_state: StepState;
@group(0) @binding(5) var<storage, read_write> distances: array<f32>;
@group(0) @binding(6) var<storage, read_write> distance_ring: array<f32>;
@group(0) @binding(7) var<storage, read_write> statistics: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> running: array<vec4<f32>>;

var<workgroup> partials: array<vec3<f32>, 64>;
var<workgroup> strangers: array<u32, 64>;
var<workgroup> good: bool;

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
  var strange = COUNT / 4u;
  for (var i = local; i < COUNT / 4u; i += 64u) {
    if (!all_finite(statistics[i])) {
      strange = min(strange, i);
    }
  }
  strangers[local] = strange;
  workgroupBarrier();
  if (local == 0u) {
    var total = vec3<f32>();
    for (var i = 0u; i < 64u; i++) {
      total += partials[i];
      strange = min(strange, strangers[i]);
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
    let noted = status[0];
    if ((noted == 0u) | (noted == step_state.step + 1u)) {
      if (!all_finite(vec4(entry.x, distance, 0.0, 0.0))) {
        status[0] = step_state.step + 1u;
        status[1] = 0u;
      } else if (strange < COUNT / 4u) {
        status[0] = step_state.step + 1u;
        status[1] = 1u + 4u * strange;
      }
    }
    good = status[0] == 0u;
  }
  workgroupBarrier();
  if (good) {
    for (var i = local; i < COUNT / 4u; i += 64u) {
      running[i] = statistics[i];
    }
  }
}
