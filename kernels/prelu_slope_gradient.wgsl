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
  let own = channel_slice(workgroup, local);
  if (!own.inside) {
    return;
  }
  let c = own.vector;
  var total = Vector();
  for (var pixel = own.first; pixel < own.last; pixel++) {
    let element = pixel * VECTORS + c;
    let value = Vector(input[element]);
    total += select(Vector(gradient[element]) * value, Vector(), value > Vector());
  }
  partials[own.slice * VECTORS + c] = total;
}
