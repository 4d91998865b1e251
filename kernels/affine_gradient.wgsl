// Gradient of a scale and a shift a channel; sum_slices adds the slices of the parameters' gradients up.
//
//   input_gradient[i,c] = gradient[i,c] * weight[c], or added to what is there with ACCUMULATE; with GRADIENT
//   slices[0,slice,c]     = sum over the slice's pixels of gradient * input
//   slices[1,slice,c]     = sum over the slice's pixels of gradient
//
// gradient        [PIXELS, CHANNELS], of the output
// input           [PIXELS, CHANNELS]
// weight          [CHANNELS], with GRADIENT
// input_gradient  [PIXELS, CHANNELS], with GRADIENT
// slices          [2, SLICES, CHANNELS], overwritten
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: slices of SLICE_PIXELS pixels x blocks of LANES vectors of channels. VECTOR divides CHANNELS.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> input: array<Stored>;
@group(0) @binding(2) var<storage, read_write> weight: array<Vector>;
@group(0) @binding(3) var<storage, read_write> input_gradient: array<Stored>;
@group(0) @binding(4) var<storage, read_write> slices: array<Vector>;
@group(0) @binding(5) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;

fn store_gradient(element: u32, own: Vector) {
  var value = own;
  if (ACCUMULATE) {
    value += Vector(input_gradient[element]);
  }
  input_gradient[element] = Stored(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let own = channel_slice(workgroup, local);
  if (!own.inside) {
    return;
  }
  let c = own.vector;
  var sum = Vector();
  var product = Vector();
  for (var pixel = own.first; pixel < own.last; pixel++) {
    let element = pixel * VECTORS + c;
    let incoming = Vector(gradient[element]);
    sum += incoming;
    product += incoming * Vector(input[element]);
    if (GRADIENT) {
      store_gradient(element, incoming * weight[c]);
    }
  }
  slices[own.slice * VECTORS + c] = product;
  slices[(SLICES + own.slice) * VECTORS + c] = sum;
}
