// Gradient of the IC unit with respect to its window sums.
//
//   sumGradient[pixel,g] = - sum over k of group g of m * gradient[pixel,k] * (adjust[k] for ADJUST 1)
//   m = 1 where output > t, t = adjust[k] * S - o for ADJUST 1, S - o for ADJUST 2
//
// z_gradient    [PIXELS, CHANNELS], of z: gradient * (1 + m), as ic_unit_gradient leaves it
// output        [PIXELS, CHANNELS], y as the forward pass left it
// window_sums   [PIXELS, GROUPS]
// adjust        [CHANNELS] with ADJUST 1; the offsets o [CHANNELS] from OFFSETS on, where that is not 0 (o = 0 where it is)
// sum_gradient  [PIXELS, GROUPS], overwritten
// Grid: one thread a pixel and group, 64 a workgroup. VECTOR divides the channels of a group.
@group(0) @binding(0) var<storage, read_write> z_gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Stored>;
@group(0) @binding(2) var<storage, read_write> window_sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> adjust: array<Vector>;
@group(0) @binding(4) var<storage, read_write> sum_gradient: array<f32>;

const GROUP_VECTORS = CHANNELS / VECTOR / GROUPS;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * GROUPS) {
    return;
  }
  let sum = window_sums[element];
  let base = element * GROUP_VECTORS;
  let group = element % GROUPS;
  var total = Vector();
  for (var k = 0u; k < GROUP_VECTORS; k++) {
    var weight = splat(1.0);
    if (ADJUST == 1u) {
      weight = adjust[group * GROUP_VECTORS + k];
    }
    var threshold = weight * sum;
    if (OFFSETS != 0u) {
      threshold -= adjust[OFFSETS / VECTOR + group * GROUP_VECTORS + k];
    }
    // Where m is 1 the gradient of z is twice that of y.
    let passed = select(Vector(), 0.5 * Vector(z_gradient[base + k]), Vector(output[base + k]) > threshold);
    total += weight * passed;
  }
  sum_gradient[element] = -vector_sum(total);
}
