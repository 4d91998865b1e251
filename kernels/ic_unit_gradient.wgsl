// Gradient of the IC unit y = z + relu(z - t), t = adjust[k] * S - o (ADJUST 1) or S - o (ADJUST 2), with respect to z, with
// ADJUST 1 the sums for the gradient of adjust, and with OFFSETS those for the gradient of the offsets o; with CHANNEL_SUMS,
// where every channel has a window sum of its own, with respect to these too, which else ic_window_sum_gradient forms.
//
//   m = 1 where y > t, which is where z > t, since the unit grows with z and leaves t where it is; else 0
//   zGradient[pixel,k] = gradient[pixel,k] * (1 + m)
//   partials[slice,k]  = - sum over the slice's pixels of m * gradient[pixel,k] * S[pixel,g]           ADJUST 1
//   partials[FIRST / CHANNELS + slice,k] = sum over the slice's pixels of m * gradient[pixel,k]        OFFSETS
//   sumGradient[pixel,k] = - m * gradient[pixel,k] * (adjust[k] for ADJUST 1)                          CHANNEL_SUMS
//
// gradient     [PIXELS, CHANNELS], of y; not bound with IN_PLACE
// output       [PIXELS, CHANNELS], y as the forward pass left it
// window_sums  [PIXELS, GROUPS], or with CHANNEL_SUMS [PIXELS, CHANNELS] and GROUPS 1 (shared/sum_of_*.wgsl)
// adjust       [CHANNELS] with ADJUST 1; the offsets o [CHANNELS] from OFFSETS on, where that is not 0
// z_gradient   [PIXELS, CHANNELS], overwritten; holds `gradient` beforehand with IN_PLACE
// partials     [SLICES, CHANNELS] with ADJUST 1, and from FIRST on as many with OFFSETS; overwritten
// sum_gradient  [PIXELS, CHANNELS], overwritten, with CHANNEL_SUMS
// status        [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: slices of SLICE_PIXELS pixels x blocks of LANES vectors of channels. VECTOR divides the channels of a group.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Stored>;
@group(0) @binding(2) var<storage, read_write> window_sums: array<WindowSum>;
@group(0) @binding(3) var<storage, read_write> adjust: array<Vector>;
@group(0) @binding(4) var<storage, read_write> z_gradient: array<Stored>;
@group(0) @binding(5) var<storage, read_write> partials: array<Vector>;
@group(0) @binding(6) var<storage, read_write> sum_gradient: array<Vector>;
@group(0) @binding(7) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;
const GROUP_VECTORS = VECTORS / GROUPS;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let own = channel_slice(workgroup, local);
  if (!own.inside) {
    return;
  }
  let k = own.vector;
  var weight = splat(1.0);
  if (ADJUST == 1u) {
    weight = adjust[k];
  }
  var offset = Vector();
  if (OFFSETS != 0u) {
    offset = adjust[OFFSETS / VECTOR + k];
  }
  var partial = Vector();
  var passed_on = Vector();
  for (var pixel = own.first; pixel < own.last; pixel++) {
    let element = pixel * VECTORS + k;
    let sum = window_sums[window_sum_place(pixel, k / GROUP_VECTORS, element)];
    var incoming = Vector();
    if (IN_PLACE) {
      incoming = Vector(z_gradient[element]);
    } else {
      incoming = Vector(gradient[element]);
    }
    var threshold = weight * sum;
    if (OFFSETS != 0u) {
      threshold -= offset;
    }
    let passed = select(Vector(), incoming, Vector(output[element]) > threshold);
    z_gradient[element] = Stored(incoming + passed);
    if (CHECKED) {
      if (!fits(incoming, incoming + passed, LARGEST_HALF)) {
        status[0] = 1.0;
      }
    }
    partial -= passed * sum;
    if (OFFSETS != 0u) {
      passed_on += passed;
    }
    if (CHANNEL_SUMS) {
      sum_gradient[element] = -weight * passed;
    }
  }
  if (ADJUST == 1u) {
    partials[own.slice * VECTORS + k] = partial;
  }
  if (OFFSETS != 0u) {
    partials[FIRST / VECTOR + own.slice * VECTORS + k] = passed_on;
  }
}
