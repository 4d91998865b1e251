// Sums for the batch's mean and variance, channel by channel, one partial a slice.
//
//   d = input[pixel,c] - input[0,c]: taken about a value of the channel itself, so that no large mean cancels
//   partials[slice,0,c] = sum over the slice's pixels of d
//   partials[slice,1,c] = sum over the slice's pixels of d * d
//
// With MERGED the input is what convolutions note of blocks of pixels, mean m, squared distances s and number n:
//
//   d = m[block,c] - m[0,c];  the sums over the slice's blocks are those of n * d and s + n * d * d
//
// input     [PIXELS, CHANNELS], or with MERGED [PIXELS, 3, CHANNELS], float32, PIXELS being the number of blocks
// partials  [SLICES, 2, CHANNELS], overwritten
// Grid: slices of SLICE_PIXELS pixels x blocks of LANES vectors of channels.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> partials: array<Vector>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let own = channel_slice(workgroup, local);
  if (!own.inside) {
    return;
  }
  let c = own.vector;
  let origin = Vector(input[c]);
  var sum = Vector();
  var squares = Vector();
  for (var pixel = own.first; pixel < own.last; pixel++) {
    if (MERGED) {
      let place = pixel * 3u * VECTORS + c;
      let distance = Vector(input[place]) - origin;
      let part = Vector(input[place + 2u * VECTORS]) * distance;
      sum += part;
      squares += Vector(input[place + VECTORS]) + part * distance;
    } else {
      let distance = Vector(input[pixel * VECTORS + c]) - origin;
      sum += distance;
      squares += distance * distance;
    }
  }
  partials[own.slice * 2u * VECTORS + c] = sum;
  partials[(own.slice * 2u + 1u) * VECTORS + c] = squares;
}
