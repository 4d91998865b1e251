// Filters turned round, with input and output channels exchanged: what the input gradient convolves with.
//
//   destination[R-1-r, S-1-s, k, g*GROUP_IN + c] = filters[r, s, c, g*GROUP_OUT + k]
//
// filters      [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT]
// destination  [FILTER_HEIGHT, FILTER_WIDTH, GROUP_OUT, GROUPS * GROUP_IN], overwritten
// Grid: groups of 8 blocks, of 16 output channels and 4 vectors of input channels each, of which there are as many as of output
// channels, of input channels, groups and taps; 64 threads a block, a vector each. Reads and writes of a block stay within a
// few lines of memory on both sides. Limits: VECTOR divides GROUP_IN.
@group(0) @binding(0) var<storage, read_write> filters: array<Element>;

const TAPS = FILTER_HEIGHT * FILTER_WIDTH;
const IN_VECTORS = GROUP_IN / VECTOR;
const OUT_BLOCKS = (GROUP_OUT + 15u) / 16u;
const IN_BLOCKS = (IN_VECTORS + 3u) / 4u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  for (var i = 0u; i < 8u; i++) {
    var rest = workgroup_index(workgroup) * 8u + i;
    let k = rest % OUT_BLOCKS * 16u + local % 16u;
    rest /= OUT_BLOCKS;
    let v = rest % IN_BLOCKS * 4u + local / 16u;
    rest /= IN_BLOCKS;
    let group = rest % GROUPS;
    let tap = rest / GROUPS;
    if ((tap < TAPS) & (k < GROUP_OUT) & (v < IN_VECTORS)) {
      var weights: Vector;
      /* unroll */ for (var e = 0u; e < VECTOR; e++) {
        let weight = f32(filters[((tap * GROUP_IN + v * VECTOR + e) * GROUPS + group) * GROUP_OUT + k]);
        weights = set_component(weights, e, weight);
      }
      store((((TAPS - 1u - tap) * GROUP_OUT + k) * GROUPS + group) * IN_VECTORS + v, weights);
    }
  }
}
