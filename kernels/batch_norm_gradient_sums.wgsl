// Sums for the gradients of batch normalisation, channel by channel, one partial a slice.
//
//   g = gradient, with ACTIVATED times the slope of what stands behind the normalisation: of a ReLU its output tells that, or
//       with RECOMPUTED what it was applied to, which is scale[c] * input + shift[c]
//   partials[slice,0,c] = sum over the slice's pixels of g
//   partials[slice,1,c] = sum over the slice's pixels of g * (input - mean[c]) * inverseDeviation[c]
//
// gradient      [PIXELS, CHANNELS], of the normalised, added and activated output
// activation    [PIXELS, CHANNELS], that output, with ACTIVATED but without RECOMPUTED
// input         [PIXELS, CHANNELS], what was normalised
// coefficients  [4, CHANNELS], from batch_norm_finish
// partials      [SLICES, 2, CHANNELS], overwritten
// Grid: slices of SLICE_PIXELS pixels x blocks of LANES vectors of channels.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> activation: array<Stored>;
@group(0) @binding(2) var<storage, read_write> input: array<Stored>;
@group(0) @binding(3) var<storage, read_write> coefficients: array<Vector>;
@group(0) @binding(4) var<storage, read_write> partials: array<Vector>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let own = channel_slice(workgroup, local);
  if (!own.inside) {
    return;
  }
  let c = own.vector;
  let scale = coefficients[c];
  let shift = coefficients[VECTORS + c];
  let mean = coefficients[2u * VECTORS + c];
  let inverse = coefficients[3u * VECTORS + c];
  var sum = Vector();
  var products = Vector();
  for (var pixel = own.first; pixel < own.last; pixel++) {
    let element = pixel * VECTORS + c;
    var incoming = Vector(gradient[element]);
    let value = Vector(input[element]);
    if (ACTIVATED) {
      if (RECOMPUTED) {
        incoming = activation_gradient(incoming, value * scale + shift);
      } else {
        incoming = activation_gradient(incoming, Vector(activation[element]));
      }
    }
    sum += incoming;
    products += incoming * (value - mean);
  }
  partials[own.slice * 2u * VECTORS + c] = sum;
  partials[(own.slice * 2u + 1u) * VECTORS + c] = products * inverse;
}
