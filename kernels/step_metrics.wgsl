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

const VECTORS = COUNT / 4u;

// What each thread found: sums, and the first of the statistics that is not finite.
var<workgroup> partials: array<vec3<f32>, 64>;
var<workgroup> strangers: array<u32, 64>;
var<workgroup> good: bool;

// Of the examples from one on: losses, how many are right, and distances.
fn sums_from(first: u32) -> vec3<f32> {
  var sums = vec3<f32>();
  for (var n = first; n < BATCH; n += 64u) {
    sums += vec3(losses[n], select(0.0, 1.0, ranks[n] == 0u), 0.0);
    if (DISTANCES) {
      sums.z += distances[n];
    }
  }
  return sums;
}

fn stranger_from(first: u32) -> u32 {
  var stranger = VECTORS;
  for (var i = first; i < VECTORS; i += 64u) {
    if (!all_finite(statistics[i])) {
      stranger = min(stranger, i);
    }
  }
  return stranger;
}

// Stores the step's means and returns whether they are finite.
fn store_means(sums: vec3<f32>) -> bool {
  let slot = step_state.step % RING;
  var entry = vec2(sums.x / f32(MEAN_OVER), sums.y);
  var distance = sums.z / f32(MEAN_OVER);
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
  return all_finite(vec4(entry.x, distance, 0.0, 0.0));
}

// Notes a step that is not finite, unless an earlier one is noted.
fn note(means_finite: bool, stranger: u32) {
  if ((status[0] == 0u) | (status[0] == step_state.step + 1u)) {
    if (!means_finite) {
      status[0] = step_state.step + 1u;
      status[1] = 0u;
    } else if (stranger < VECTORS) {
      status[0] = step_state.step + 1u;
      status[1] = 1u + 4u * stranger;
    }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  partials[local] = sums_from(local);
  strangers[local] = stranger_from(local);
  workgroupBarrier();
  if (local == 0u) {
    var sums = vec3<f32>();
    var stranger = VECTORS;
    for (var i = 0u; i < 64u; i++) {
      sums += partials[i];
      stranger = min(stranger, strangers[i]);
    }
    note(store_means(sums), stranger);
    good = status[0] == 0u;
  }
  workgroupBarrier();
  if (good) {
    for (var i = local; i < VECTORS; i += 64u) {
      running[i] = statistics[i];
    }
  }
}
