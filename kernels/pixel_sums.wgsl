// The sum of each pixel's channels, group by group: what the window sums of an IC unit are sums of.
//
//   sums[pixel,g] = sum over c of input[pixel,g,c] * (weights[g,c] with WEIGHTED)
//
// input    [PIXELS, GROUPS, GROUP_IN]
// weights  [GROUPS, GROUP_IN], with WEIGHTED
// sums     [PIXELS, GROUPS], overwritten
// Grid: one thread a pixel and group, 64 a workgroup.
// Limits: VECTOR divides GROUP_IN, and TURN_VECTORS the quotient.
@group(0) @binding(0) var<storage, read_write> input: array<Vector>;
@group(0) @binding(1) var<storage, read_write> weights: array<Vector>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

const IN_VECTORS = GROUP_IN / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup) * 64u + local;
  if (index >= PIXELS * GROUPS) {
    return;
  }
  var total = 0.0;
  for (var first = 0u; first < IN_VECTORS; first += TURN_VECTORS) {
    var turn = Vector();
    /* unroll */ for (var v = 0u; v < TURN_VECTORS; v++) {
      var value = input[index * IN_VECTORS + first + v];
      if (WEIGHTED) {
        value *= weights[index % GROUPS * IN_VECTORS + first + v];
      }
      turn += value;
    }
    total += vector_sum(turn);
  }
  sums[index] = total;
}
