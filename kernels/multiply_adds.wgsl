// Multiply-adds on registers alone: what a device computes at best.
//
// output  [WORKGROUPS * THREADS]: one number a thread, so that nothing is left out; overwritten
// Grid: one thread an element, THREADS a workgroup. ROUNDS * REPEATS * CHAINS multiply-adds a thread, in CHAINS independent
// chains, as many as hide the latency and fit the registers of a CPU.
@group(0) @binding(0) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup);
  if (index >= WORKGROUPS) {
    return;
  }
  let element = index * THREADS + local;
  let factor = 0.5 + f32(element & 15u) / 64.0;
  var chains: array<f32, CHAINS>;
  /* unroll */ for (var chain = 0u; chain < CHAINS; chain++) {
    chains[chain] = f32(chain);
  }
  for (var round = 0u; round < ROUNDS; round++) {
    /* unroll */ for (var repeat = 0u; repeat < REPEATS; repeat++) {
      /* unroll */ for (var chain = 0u; chain < CHAINS; chain++) {
        chains[chain] = fma(chains[chain], factor, 0.25);
      }
    }
  }
  var sum = 0.0;
  /* unroll */ for (var chain = 0u; chain < CHAINS; chain++) {
    sum += chains[chain];
  }
  output[element] = sum;
}
