// Sums over pixels, channel by channel, one partial a slice; sum_slices adds the slices up.
//
//   partials[slice,c] = sum over the slice's pixels of values[pixel,c] * (factors[pixel,g] with FACTORS)
//
// values    [PIXELS, CHANNELS]
// factors   [PIXELS, GROUPS], with FACTORS
// partials  [SLICES, CHANNELS], overwritten
// Grid: slices of SLICE_PIXELS pixels x blocks of LANES vectors of channels. VECTOR divides the channels of a group.
@group(0) @binding(0) var<storage, read_write> values: array<Vector>;
@group(0) @binding(1) var<storage, read_write> factors: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<Vector>;

const VECTORS = CHANNELS / VECTOR;
const GROUP_VECTORS = VECTORS / GROUPS;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup);
  let c = index % CHANNEL_BLOCKS * LANES + local;
  let slice = index / CHANNEL_BLOCKS;
  if ((c >= VECTORS) | (index >= WORKGROUPS)) {
    return;
  }
  var total = Vector();
  let last = min((slice + 1u) * SLICE_PIXELS, PIXELS);
  for (var pixel = slice * SLICE_PIXELS; pixel < last; pixel++) {
    var value = values[pixel * VECTORS + c];
    if (FACTORS) {
      value *= factors[pixel * GROUPS + c / GROUP_VECTORS];
    }
    total += value;
  }
  partials[slice * VECTORS + c] = total;
}
