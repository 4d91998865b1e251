// Multiply-adds on registers alone: what a device computes at best, with float16 two at a time.
//
// output  [WORKGROUPS * THREADS]: 4 bytes a thread, so that nothing is left out; overwritten
// Grid: one thread an element, THREADS a workgroup. ROUNDS * REPEATS * CHAINS multiply-adds of Stored a thread, in CHAINS
// independent chains, as many as hide the latency and fit the registers of a CPU. Stored is in shared/stored_*.wgsl.
@group(0) @binding(0) var<storage, read_write> output: array<Stored>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup);
  if (index >= WORKGROUPS) {
    return;
  }
  let element = index * THREADS + local;
  let factor = Stored(Element(0.5 + f32(element & 15u) / 64.0));
  let term = Stored(Element(0.25));
  var chains: array<Stored, CHAINS>;
  /* unroll */ for (var chain = 0u; chain < CHAINS; chain++) {
    chains[chain] = Stored(Element(chain));
  }
  for (var round = 0u; round < ROUNDS; round++) {
    /* unroll */ for (var repeat = 0u; repeat < REPEATS; repeat++) {
      /* unroll */ for (var chain = 0u; chain < CHAINS; chain++) {
        chains[chain] = fma(chains[chain], factor, term);
      }
    }
  }
  var sum = Stored();
  /* unroll */ for (var chain = 0u; chain < CHAINS; chain++) {
    sum += chains[chain];
  }
  output[element] = sum;
}
