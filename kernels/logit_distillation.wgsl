// Weak logit distillation: how far a student's logits s are from a teacher's t, and its gradient, weighted, added to what
// the loss has left there.
//
//   distances[n] = mean over c of (s[n,c] - t[n,c])^2                                             KL false
//   gradient[n,c] += weight * 2 (s[n,c] - t[n,c]) / (CLASSES * MEAN_OVER)
//
//   p = softmax(t[n] / T), q = softmax(s[n] / T), T = TEMPERATURE
//   distances[n] = T^2 * sum over c of p[c] * log(p[c] / q[c])                                    KL true
//   gradient[n,c] += weight * T (q[c] - p[c]) / MEAN_OVER
//
// logits       [BATCH, CLASSES], the student's
// teacher      [BATCH, CLASSES]
// distances    [BATCH], overwritten; not weighted
// gradient     [BATCH, CLASSES], added to: that of the mean over MEAN_OVER examples, times the loss scale with SCALED
// loss_scale   [8], as loss_scale.wgsl leaves it, with SCALED
// status       [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// step_weight  uniform: the weight, which changes from step to step
// Grid: one thread an example, 64 a workgroup.
struct DistillationWeight {
  weight: f32,
}

@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> teacher: array<f32>;
@group(0) @binding(2) var<storage, read_write> distances: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(4) var<uniform> step_weight: DistillationWeight;
@group(0) @binding(5) var<storage, read_write> loss_scale: array<f32>;
@group(0) @binding(6) var<storage, read_write> status: array<f32>;

fn add_gradient(place: u32, term: f32) {
  var value = term;
  if (SCALED) {
    value *= loss_scale[1];
  }
  value += f32(gradient[place]);
  gradient[place] = Element(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}

fn squared_distance(n: u32) {
  let base = n * CLASSES;
  var sum = 0.0;
  for (var c = 0u; c < CLASSES; c++) {
    let difference = logits[base + c] - teacher[base + c];
    sum += difference * difference;
    add_gradient(base + c, step_weight.weight * 2.0 * difference / (f32(CLASSES) * f32(MEAN_OVER)));
  }
  distances[n] = sum / f32(CLASSES);
}

fn divergence(n: u32) {
  let base = n * CLASSES;
  var largest = vec2(logits[base], teacher[base]);
  for (var c = 1u; c < CLASSES; c++) {
    largest = max(largest, vec2(logits[base + c], teacher[base + c]));
  }
  var total = vec2<f32>();
  for (var c = 0u; c < CLASSES; c++) {
    total += exp((vec2(logits[base + c], teacher[base + c]) - largest) / TEMPERATURE);
  }
  let log_total = log(total);
  var sum = 0.0;
  for (var c = 0u; c < CLASSES; c++) {
    let scaled = (vec2(logits[base + c], teacher[base + c]) - largest) / TEMPERATURE;
    let shares = exp(scaled) / total;
    let distance = (scaled.y - log_total.y) - (scaled.x - log_total.x);
    // A class that the teacher rules out takes no part: 0 times an infinite distance would be NaN.
    sum += select(shares.y * distance, 0.0, shares.y == 0.0);
    add_gradient(base + c, step_weight.weight * TEMPERATURE * (shares.x - shares.y) / f32(MEAN_OVER));
  }
  distances[n] = TEMPERATURE * TEMPERATURE * sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let n = workgroup_index(workgroup) * 64u + local;
  if (n >= BATCH) {
    return;
  }
  if (KL) {
    divergence(n);
  } else {
    squared_distance(n);
  }
}
