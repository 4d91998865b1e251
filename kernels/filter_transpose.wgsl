// Filters turned round, with input and output channels exchanged: what the input gradient convolves with.
//
//   output[R-1-r, S-1-s, k, g*GROUP_IN + c] = filters[r, s, c, g*GROUP_OUT + k]
//
// filters  [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// output  [FILTER_HEIGHT, FILTER_WIDTH, GROUP_OUT, GROUPS * GROUP_IN], overwritten
// Grid: blocks of 16 output channels, blocks of 16 input channels, groups, taps; 64 threads a block, 4 elements each. Reads and
// writes of a block stay within a few lines of memory on both sides.
@group(0) @binding(0) var<storage, read_write> filters: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;
const BLOCK = 16u;
const OUT_BLOCKS = (GROUP_OUT + BLOCK - 1u) / BLOCK;
const IN_BLOCKS = (GROUP_IN + BLOCK - 1u) / BLOCK;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  var rest = workgroup_index(workgroup);
  if (rest >= WORKGROUPS) {
    return;
  }
  let k = rest % OUT_BLOCKS * BLOCK + local % BLOCK;
  rest /= OUT_BLOCKS;
  let first = rest % IN_BLOCKS * BLOCK + local / BLOCK;
  rest /= IN_BLOCKS;
  let group = rest % GROUPS;
  let tap = rest / GROUPS;
  for (var i = 0u; i < BLOCK; i += 4u) {
    let c = first + i;
    if ((c < GROUP_IN) & (k < GROUP_OUT)) {
      let value = filters[((tap * GROUP_IN + c) * GROUPS + group) * GROUP_OUT + k];
      output[(((TAPS - 1u - tap) * GROUP_OUT + k) * GROUPS + group) * GROUP_IN + c] = value;
    }
  }
}
