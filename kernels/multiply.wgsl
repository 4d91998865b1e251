// Product element by element, or with GATED of each channel of an image with a factor of its own (squeeze-and-excitation).
//
//   output[n,i,c] = left[n,i,c] * right[n,i,c], with GATED * right[n,c], or added to what is there with ACCUMULATE
//
// left    [BATCH, IMAGE_PIXELS, CHANNELS]
// right   as left, or [BATCH, CHANNELS] with GATED
// output  as left
// status  [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector of channels, 64 a workgroup. VECTOR divides CHANNELS.
@group(0) @binding(0) var<storage, read_write> left: array<Stored>;
@group(0) @binding(1) var<storage, read_write> right: array<Stored>;
@group(0) @binding(2) var<storage, read_write> output: array<Stored>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * IMAGE_PIXELS * VECTORS) {
    return;
  }
  var place = element;
  if (GATED) {
    place = element / (IMAGE_PIXELS * VECTORS) * VECTORS + element % VECTORS;
  }
  var product = Vector(left[element]) * Vector(right[place]);
  if (ACCUMULATE) {
    product += Vector(output[element]);
  }
  output[element] = Stored(product);
  if (CHECKED) {
    if (!fits(product, product, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
