// How many classes are ahead of the label: an example is right within the top k where its rank is below k.
//
//   ranks[n] = number of classes c with logits[n,c] > logits[n,label], or equal with c < label
//   A NaN among the logits, or a label that is no class, gives CLASSES: never right.
//
// logits  [BATCH, CLASSES]
// labels  [BATCH], u32
// ranks   [BATCH], u32, overwritten
// Grid: one thread an example, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> ranks: array<u32>;

fn is_nan(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let n = workgroup_index(workgroup) * 64u + local;
  if (n >= BATCH) {
    return;
  }
  let label = labels[n];
  let own = logits[n * CLASSES + min(label, CLASSES - 1u)];
  var rank = 0u;
  var valid = label < CLASSES;
  for (var c = 0u; c < CLASSES; c++) {
    let value = logits[n * CLASSES + c];
    valid = valid & !is_nan(value);
    rank += select(0u, 1u, (value > own) | ((value == own) & (c < label)));
  }
  ranks[n] = select(CLASSES, rank, valid);
}
