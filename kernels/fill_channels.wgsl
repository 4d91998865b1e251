// Channels put in their place among others that are 0: the gradient of a slice.
//
//   output[pixel, c] = input[pixel, c - OUT_OFFSET] for the CHANNELS channels from OUT_OFFSET on, else 0
//
// input   [PIXELS, CHANNELS]
// output  [PIXELS, OUT_CHANNELS], overwritten
// Grid: one thread a vector of OUT_CHANNELS, 64 a workgroup. VECTOR divides all three numbers of channels.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Stored>;

const VECTORS = CHANNELS / VECTOR;
const OUT_VECTORS = OUT_CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * OUT_VECTORS) {
    return;
  }
  // Ahead of the first channel this is larger than any number of channels.
  let c = element % OUT_VECTORS - OUT_OFFSET / VECTOR;
  let inside = c < VECTORS;
  output[element] = select(Stored(), input[element / OUT_VECTORS * VECTORS + select(0u, c, inside)], inside);
}
