// Adds one batch of an evaluation to its totals.
//
//   totals += (sum of losses, ranks below 1, ranks below TOP, examples), over the examples that have a label
//
// losses  [BATCH]
// ranks   [BATCH], u32
// labels  [BATCH], u32; 0xffffffff marks a place of the batch that holds no example
// totals  [4], added to
// Grid: one workgroup.
@group(0) @binding(0) var<storage, read_write> losses: array<f32>;
@group(0) @binding(1) var<storage, read_write> ranks: array<u32>;
@group(0) @binding(2) var<storage, read_write> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> totals: array<vec4<f32>>;

var<workgroup> partials: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
  var own = vec4<f32>();
  for (var n = local; n < BATCH; n += 64u) {
    if (labels[n] != 0xffffffffu) {
      let rank = ranks[n];
      own += vec4(losses[n], select(0.0, 1.0, rank < 1u), select(0.0, 1.0, rank < TOP), 1.0);
    }
  }
  partials[local] = own;
  workgroupBarrier();
  if (local == 0u) {
    var total = totals[0];
    for (var i = 0u; i < 64u; i++) {
      total += partials[i];
    }
    totals[0] = total;
  }
}
