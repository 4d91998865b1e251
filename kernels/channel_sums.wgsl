// Sums over pixels, channel by channel, one partial a slice; sum_slices adds the slices up.
//
//   partials[slice,c] = sum over the slice's pixels of values[pixel,c] * (factors[pixel,g] with FACTORS)
//
// values    [PIXELS, CHANNELS]
// factors   [PIXELS, GROUPS], or [PIXELS, CHANNELS] with GROUPS 1 (shared/sum_of_*.wgsl); with FACTORS
// partials  [SLICES, CHANNELS], overwritten
// Grid: slices of SLICE_PIXELS pixels x blocks of LANES vectors of channels. VECTOR divides the channels of a group.
@group(0) @binding(0) var<storage, read_write> values: array<Stored>;
@group(0) @binding(1) var<storage, read_write> factors: array<WindowSum>;
@group(0) @binding(2) var<storage, read_write> partials: array<Vector>;

const VECTORS = CHANNELS / VECTOR;
const GROUP_VECTORS = VECTORS / GROUPS;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let own = channel_slice(workgroup, local);
  if (!own.inside) {
    return;
  }
  let c = own.vector;
  var total = Vector();
  for (var pixel = own.first; pixel < own.last; pixel++) {
    let element = pixel * VECTORS + c;
    var value = Vector(values[element]);
    if (FACTORS) {
      value *= factors[window_sum_place(pixel, c / GROUP_VECTORS, element)];
    }
    total += value;
  }
  partials[own.slice * VECTORS + c] = total;
}
