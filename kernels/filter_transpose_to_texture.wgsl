// Filters turned round, with input and output channels exchanged, in a texture: what the input gradient convolves with.
//
//   stored[r, s, c, g*GROUP_OUT + k] = filters[R-1-r, S-1-s, k, g*GROUP_IN + c]
//
// filters  [FILTER_HEIGHT, FILTER_WIDTH, GROUP_OUT, GROUPS * GROUP_IN]
// stored   [FILTER_HEIGHT, FILTER_WIDTH, GROUP_IN, GROUPS * GROUP_OUT], a texel for each vector, overwritten
// Grid: one thread 8 vectors, 64 a workgroup. VECTOR divides GROUP_OUT.
@group(0) @binding(0) var<storage, read_write> filters: array<f32>;

const THREAD_VECTORS = 8u;
const GROUP_VECTORS = GROUP_OUT / VECTOR;
const TAPS = FILTER_HEIGHT * FILTER_WIDTH;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = workgroup_index(workgroup) * 64u * THREAD_VECTORS + local;
  /* unroll */ for (var i = 0u; i < THREAD_VECTORS; i++) {
    let index = first + i * 64u;
    if (index < TAPS * GROUP_IN * GROUPS * GROUP_VECTORS) {
      // Neighbouring threads have neighbouring filters.
      let c = index % GROUP_IN;
      let group = index / GROUP_IN % GROUPS;
      let vector = index / GROUP_IN / GROUPS % GROUP_VECTORS;
      let tap = index / GROUP_IN / GROUPS / GROUP_VECTORS;
      var weights: Vector;
      /* unroll */ for (var e = 0u; e < VECTOR; e++) {
        let k = vector * VECTOR + e;
        let weight = filters[(((TAPS - 1u - tap) * GROUP_OUT + k) * GROUPS + group) * GROUP_IN + c];
        weights = set_component(weights, e, weight);
      }
      store(((tap * GROUP_IN + c) * GROUPS + group) * GROUP_VECTORS + vector, weights);
    }
  }
}
