// PReLU: each channel's negative values times a slope of its own; NaN kept.
//
//   output[i,c] = input[i,c], where that is below 0 slope[c] * input[i,c]
//
// input   [PIXELS, CHANNELS]
// slope   [CHANNELS], float32
// output  [PIXELS, CHANNELS], overwritten
// status  [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector of channels, 64 a workgroup. VECTOR divides CHANNELS.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> slope: array<Vector>;
@group(0) @binding(2) var<storage, read_write> output: array<Stored>;
@group(0) @binding(3) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * VECTORS) {
    return;
  }
  let value = Vector(input[element]);
  let result = select(value, slope[element % VECTORS] * value, value < Vector());
  output[element] = Stored(result);
  if (CHECKED) {
    if (!fits(result, result, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
