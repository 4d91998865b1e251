// Filters turned round, with input and output channels exchanged: what the input gradient convolves with.
//
//   output[R-1-r, S-1-s, k, g*GROUP_IN + c] = filters[r, s, c, g*GROUP_OUT + k]
//
// filters  [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// output  [FILTER_HEIGHT, FILTER_WIDTH, GROUP_OUT, GROUPS * GROUP_IN], overwritten
// Grid: one thread an output element, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> filters: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= TAPS * GROUP_IN * GROUPS * GROUP_OUT) {
    return;
  }
  let channel = element % (GROUPS * GROUP_IN);
  let k = element / (GROUPS * GROUP_IN) % GROUP_OUT;
  let tap = TAPS - 1u - element / (GROUPS * GROUP_IN) / GROUP_OUT;
  let out_channel = channel / GROUP_IN * GROUP_OUT + k;
  output[element] = filters[(tap * GROUP_IN + channel % GROUP_IN) * GROUPS * GROUP_OUT + out_channel];
}
