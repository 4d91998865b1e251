// Largest value under each window, NaN if there is one; padding never wins.
//
//   output[n,p,q,c]  = max over r,s of input[n, p*STRIDE+r-PADDING, q*STRIDE+s-PADDING, c]
//   winners[n,p,q,c] = r * WINDOW_WIDTH + s of the first largest value, with STORE_WINNERS
//
// input    [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]
// output   [BATCH, OUT_HEIGHT, OUT_WIDTH, CHANNELS], overwritten
// winners  as output, u32, overwritten
// Grid: one thread an output element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> output: array<Element>;
@group(0) @binding(2) var<storage, read_write> winners: array<u32>;

fn is_nan(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

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
  var largest = 0.0;
  var winner = 0u;
  var found = false;
  for (var r = 0u; r < WINDOW_HEIGHT; r++) {
    let h = i32(p * STRIDE_HEIGHT + r) - PADDING_HEIGHT;
    if (u32(h) >= IN_HEIGHT) {
      continue;
    }
    for (var s = 0u; s < WINDOW_WIDTH; s++) {
      let w = i32(q * STRIDE_WIDTH + s) - PADDING_WIDTH;
      if (u32(w) >= IN_WIDTH) {
        continue;
      }
      let value = f32(input[((n * IN_HEIGHT + u32(h)) * IN_WIDTH + u32(w)) * CHANNELS + c]);
      if (!found | (value > largest) | is_nan(value)) {
        largest = value;
        winner = r * WINDOW_WIDTH + s;
        found = true;
      }
    }
  }
  output[element] = Element(largest);
  if (STORE_WINNERS) {
    winners[element] = winner;
  }
}
