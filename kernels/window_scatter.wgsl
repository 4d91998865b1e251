// Brings the window sums' gradient back to the pixels under the windows: the transpose of the window sum.
//
//   output[n,h,w,g] = sum over the r, s whose window position p = (h + PADDING - r*DILATION) / STRIDE (likewise q) is a
//                     whole number inside the output, of sums[n,p,q,g]
//
// sums    [BATCH, OUT_HEIGHT, OUT_WIDTH, GROUPS]
// output  [BATCH, IN_HEIGHT, IN_WIDTH, GROUPS], overwritten
// Grid: one thread a vector of groups, 64 a workgroup. VECTOR divides GROUPS.
@group(0) @binding(0) var<storage, read_write> sums: array<Vector>;
@group(0) @binding(1) var<storage, read_write> output: array<Vector>;

const VECTORS = GROUPS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * IN_HEIGHT * IN_WIDTH * VECTORS) {
    return;
  }
  let group = element % VECTORS;
  let pixel = element / VECTORS;
  let w = pixel % IN_WIDTH;
  let h = pixel / IN_WIDTH % IN_HEIGHT;
  let n = pixel / IN_WIDTH / IN_HEIGHT;
  var total = Vector();
  for (var r = 0u; r < FILTER_HEIGHT; r++) {
    let tall = i32(h) + PADDING_HEIGHT - i32(r * DILATION_HEIGHT);
    let p = tall / i32(STRIDE_HEIGHT);
    if ((tall % i32(STRIDE_HEIGHT) != 0) | (u32(p) >= OUT_HEIGHT)) {
      continue;
    }
    for (var s = 0u; s < FILTER_WIDTH; s++) {
      let wide = i32(w) + PADDING_WIDTH - i32(s * DILATION_WIDTH);
      let q = wide / i32(STRIDE_WIDTH);
      if ((wide % i32(STRIDE_WIDTH) == 0) & (u32(q) < OUT_WIDTH)) {
        total += sums[((n * OUT_HEIGHT + u32(p)) * OUT_WIDTH + u32(q)) * VECTORS + group];
      }
    }
  }
  output[element] = total;
}
