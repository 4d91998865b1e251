// Gradient of gates that multiply the channels of each image: sums over the image's pixels.
//
//   gate_gradient[n,c] = sum over i of gradient[n,i,c] * input[n,i,c], or added to what is there with ACCUMULATE
//
// gradient       [BATCH, IMAGE_PIXELS, CHANNELS], of the product
// input          [BATCH, IMAGE_PIXELS, CHANNELS], what the gates multiply
// gate_gradient  [BATCH, CHANNELS]
// status         [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: images x blocks of LANES vectors of channels; THREADS / LANES threads share the pixels of a vector.
// Limits: VECTOR divides CHANNELS, LANES divides THREADS.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> input: array<Stored>;
@group(0) @binding(2) var<storage, read_write> gate_gradient: array<Stored>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;
const SHARES = THREADS / LANES;
const TURNS = (IMAGE_PIXELS + SHARES - 1u) / SHARES;

var<workgroup> sums: array<Vector, THREADS>;

// The products of every how many-th pixel, from `share` on.
fn sum_of_share(image: u32, c: u32, share: u32) -> Vector {
  var sum = Vector();
  for (var turn = 0u; turn < TURNS; turn++) {
    let pixel = turn * SHARES + share;
    if (pixel >= IMAGE_PIXELS) {
      break;
    }
    let element = (image * IMAGE_PIXELS + pixel) * VECTORS + c;
    sum += Vector(gradient[element]) * Vector(input[element]);
  }
  return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup);
  let c = index % CHANNEL_BLOCKS * LANES + local % LANES;
  let image = index / CHANNEL_BLOCKS;
  let exists = (c < VECTORS) & (index < WORKGROUPS);
  if (exists) {
    sums[local] = sum_of_share(image, c, local / LANES);
  }
  workgroupBarrier();
  if (exists & (local < LANES)) {
    var total = Vector();
    for (var share = 0u; share < SHARES; share++) {
      total += sums[share * LANES + local];
    }
    let place = image * VECTORS + c;
    if (ACCUMULATE) {
      total += Vector(gate_gradient[place]);
    }
    gate_gradient[place] = Stored(total);
    if (CHECKED) {
      if (!fits(total, total, LARGEST_HALF)) {
        status[0] = 1.0;
      }
    }
  }
}
