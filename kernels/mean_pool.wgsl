// Mean under each window, or with SUM the sum.
//
//   output[n,p,q,c] = 1 / pixels * sum over r,s of input[n, p*STRIDE+r-PADDING, ..., c]
//   pixels = 1 with SUM, else those of the window that count: of the padded image those from row COUNT_TOP to ahead of COUNT_BOTTOM
//            and from column COUNT_LEFT to ahead of COUNT_RIGHT, which are those of the image, or with padding all
//
// input   [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]
// output  [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS], overwritten
// counted() is in shared/counted.wgsl.
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
  for (var r = 0u; r < WINDOW_HEIGHT; r++) {
    let h = i32(p * STRIDE_HEIGHT + r) - PADDING_HEIGHT;
    for (var s = 0u; s < WINDOW_WIDTH; s++) {
      let w = i32(q * STRIDE_WIDTH + s) - PADDING_WIDTH;
      let inside = (u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH);
      let pixel = select(0u, (n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w), inside);
      sum += select(0.0, f32(input[pixel * CHANNELS + c]), inside);
    }
  }
  if (!SUM) {
    let rows = counted(p, STRIDE_HEIGHT, WINDOW_HEIGHT, COUNT_TOP, COUNT_BOTTOM);
    sum /= f32(rows * counted(q, STRIDE_WIDTH, WINDOW_WIDTH, COUNT_LEFT, COUNT_RIGHT));
  }
  output[element] = Element(sum);
}
