// Batch normalisation as scale and shift, with residual add and an activation.
//
//   output[i,c] = activate?(scale[c] * input[i,c] + shift[c] + residual[i,c])                   with ACTIVATED
//
// input        [PIXELS, CHANNELS]
// scale_shift  [2 or more, CHANNELS]: scales, then shifts
// residual     [PIXELS, CHANNELS], with RESIDUAL
// output       [PIXELS, CHANNELS], overwritten
// status       [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector of channels, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> scale_shift: array<Vector>;
@group(0) @binding(2) var<storage, read_write> residual: array<Stored>;
@group(0) @binding(3) var<storage, read_write> output: array<Stored>;
@group(0) @binding(4) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= PIXELS * VECTORS) {
    return;
  }
  let c = element % VECTORS;
  var value = Vector(input[element]) * scale_shift[c] + scale_shift[VECTORS + c];
  if (RESIDUAL) {
    value += Vector(residual[element]);
  }
  if (ACTIVATED) {
    value = activate(value);
  }
  output[element] = Stored(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
