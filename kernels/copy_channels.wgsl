// Copies a range of channels from one tensor to a range of another's: a part of a concatenation, or of its gradient.
//
//   output[pixel, OUT_OFFSET + c] = input[pixel, IN_OFFSET + c], or added to what is there with ACCUMULATE
//
// input   [PIXELS, IN_CHANNELS]
// output  [PIXELS, OUT_CHANNELS]; channels OUT_OFFSET to OUT_OFFSET + CHANNELS are written, the others stay
// status  [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector of CHANNELS, 64 a workgroup. VECTOR divides all five numbers of channels.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Stored>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * VECTORS) {
    return;
  }
  let pixel = element / VECTORS;
  let c = element % VECTORS;
  let place = pixel * (OUT_CHANNELS / VECTOR) + OUT_OFFSET / VECTOR + c;
  var value = Vector(input[pixel * (IN_CHANNELS / VECTOR) + IN_OFFSET / VECTOR + c]);
  if (ACCUMULATE) {
    value += Vector(output[place]);
  }
  output[place] = Stored(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
