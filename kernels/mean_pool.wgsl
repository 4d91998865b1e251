// Mean under each window, or with SUM the sum; with COUNT_PADDING padding counts as zeros, else as nothing.
//
//   output[n,p,q,c] = 1 / pixels * sum over r,s of input[n, p*STRIDE+r-PADDING, ..., c]
//   pixels = 1 with SUM, WINDOW_HEIGHT * WINDOW_WIDTH with COUNT_PADDING, else those of the window that are in the image
//
// input   [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]
// output  [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS], overwritten
// Grid: one thread an output element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> output: array<Element>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * OUT_HEIGHT * OUT_WIDTH * CHANNELS) {
    return;
  }
  let c = element % CHANNELS;
  let pixel = element / CHANNELS;
  let q = pixel % OUT_WIDTH;
  let p = pixel / OUT_WIDTH % OUT_HEIGHT;
  let n = pixel / OUT_WIDTH / OUT_HEIGHT;
  var sum = 0.0;
  var pixels = 0u;
  for (var r = 0u; r < WINDOW_HEIGHT; r++) {
    let h = i32(p * STRIDE_HEIGHT + r) - PADDING_HEIGHT;
    for (var s = 0u; s < WINDOW_WIDTH; s++) {
      let w = i32(q * STRIDE_WIDTH + s) - PADDING_WIDTH;
      let inside = (u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH);
      let pixel = select(0u, (n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w), inside);
      sum += select(0.0, f32(input[pixel * CHANNELS + c]), inside);
      pixels += u32(inside);
    }
  }
  if (!SUM) {
    sum /= f32(select(pixels, WINDOW_HEIGHT * WINDOW_WIDTH, COUNT_PADDING));
  }
  output[element] = Element(sum);
}
