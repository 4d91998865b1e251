// Gradient of PReLU with respect to its slopes, one partial a slice; sum_slices adds the slices up.
//
//   partials[slice,c] = sum over the slice's pixels of gradient[pixel,c] * input[pixel,c] where that is below 0
//
// gradient  [PIXELS, CHANNELS], of the output
// input     [PIXELS, CHANNELS]
// partials  [SLICES, CHANNELS], overwritten
// Grid: slices of SLICE_PIXELS pixels x blocks of LANES vectors of channels. VECTOR divides CHANNELS.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> input: array<Stored>;
@group(0) @binding(2) var<storage, read_write> partials: array<Vector>;

const VECTORS = CHANNELS / VECTOR;

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
    let element = pixel * VECTORS + c;
    let value = Vector(input[element]);
    total += select(Vector(gradient[element]) * value, Vector(), value > Vector());
  }
  partials[slice * VECTORS + c] = total;
}
