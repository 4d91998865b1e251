// Gradient of batch normalisation with respect to its input, and of the residual added behind it.
//
//   g = gradient, with ACTIVATED times the slope of what stands behind the normalisation: of a ReLU its output tells that, or
//       with RECOMPUTED what it was applied to, which is steps[0,c] * input + steps[4,c]
//   input_gradient[i,c]    = steps[0,c] * g + steps[1,c] * (input[i,c] - steps[3,c]) + steps[2,c]
//   residual_gradient[i,c] = g                                                              with RESIDUAL
//
// gradient           [PIXELS, CHANNELS], of the normalised, added and activated output; not bound with IN_PLACE
// activation         [PIXELS, CHANNELS], that output, with ACTIVATED but without RECOMPUTED
// input              [PIXELS, CHANNELS], what was normalised
// steps              [5, CHANNELS], from batch_norm_gradient_finish
// input_gradient     [PIXELS, CHANNELS], overwritten; holds `gradient` beforehand with IN_PLACE
// residual_gradient  [PIXELS, CHANNELS], overwritten, or added to with ACCUMULATE; with RESIDUAL
// status             [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector of channels, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> activation: array<Stored>;
@group(0) @binding(2) var<storage, read_write> input: array<Stored>;
@group(0) @binding(3) var<storage, read_write> steps: array<Vector>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<Stored>;
@group(0) @binding(5) var<storage, read_write> residual_gradient: array<Stored>;
@group(0) @binding(6) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * VECTORS) {
    return;
  }
  let c = element % VECTORS;
  var incoming = Vector();
  if (IN_PLACE) {
    incoming = Vector(input_gradient[element]);
  } else {
    incoming = Vector(gradient[element]);
  }
  let value = Vector(input[element]);
  if (ACTIVATED) {
    if (RECOMPUTED) {
      incoming = activation_gradient(incoming, value * steps[c] + steps[4u * VECTORS + c]);
    } else {
      incoming = activation_gradient(incoming, Vector(activation[element]));
    }
  }
  let distance = value - steps[3u * VECTORS + c];
  let result = steps[c] * incoming + steps[VECTORS + c] * distance + steps[2u * VECTORS + c];
  input_gradient[element] = Stored(result);
  if (RESIDUAL) {
    if (ACCUMULATE) {
      incoming += Vector(residual_gradient[element]);
    }
    residual_gradient[element] = Stored(incoming);
  }
  if (CHECKED) {
    if (!(fits(result, result, LARGEST_HALF) & fits(incoming, incoming, LARGEST_HALF))) {
      status[0] = 1.0;
    }
  }
}
