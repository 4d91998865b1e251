// Cross entropy of the softmax with label smoothing, and its gradient.
//
//   target[c] = (1 - SMOOTHING) * (c == label) + SMOOTHING / CLASSES
//   losses[n] = - sum over c of target[c] * log softmax(logits[n])[c]
//   gradient[n,c] = (softmax(logits[n])[c] - target[c]) / MEAN_OVER, of the mean over that many examples; with GRADIENT;
//                   times the loss scale with SCALED
//
// logits    [BATCH, CLASSES]
// labels    [BATCH], u32; a label that is no class makes the example's loss NaN
// losses    [BATCH], overwritten
// gradient  [BATCH, CLASSES], overwritten
// loss_scale  [8], as loss_scale.wgsl leaves it, with SCALED
// status    [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread an example, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<Element>;
@group(0) @binding(4) var<storage, read_write> loss_scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> status: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let n = workgroup_index(workgroup) * 64u + local;
  if (n >= BATCH) {
    return;
  }
  let base = n * CLASSES;
  var largest = logits[base];
  for (var c = 1u; c < CLASSES; c++) {
    largest = max(largest, logits[base + c]);
  }
  var total = 0.0;
  var distance = 0.0;
  for (var c = 0u; c < CLASSES; c++) {
    total += exp(logits[base + c] - largest);
    distance += largest - logits[base + c];
  }
  let label = labels[n];
  let log_total = log(total);
  let at_label = largest - logits[base + min(label, CLASSES - 1u)] + log_total;
  var loss = at_label;
  // Without smoothing a class of probability 0 takes no part: 0 times its infinite distance would be NaN.
  if (SMOOTHING > 0.0) {
    loss = (1.0 - SMOOTHING) * at_label + SMOOTHING * (distance / f32(CLASSES) + log_total);
  }
  losses[n] = select(bitcast<f32>(0x7fc00000u | label), loss, label < CLASSES);
  if (GRADIENT) {
    for (var c = 0u; c < CLASSES; c++) {
      let target_share = select(0.0, 1.0 - SMOOTHING, c == label) + SMOOTHING / f32(CLASSES);
      var value = (exp(logits[base + c] - largest) / total - target_share) / f32(MEAN_OVER);
      if (SCALED) {
        value *= loss_scale[1];
      }
      gradient[base + c] = Element(value);
      if (CHECKED) {
        if (!fits(value, value, LARGEST_HALF)) {
          status[0] = 1.0;
        }
      }
    }
  }
}
