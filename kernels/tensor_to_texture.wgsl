// A tensor in a texture, which some processors that play a GPU read several times as fast as a buffer.
//
//   stored[i % TEXTURE_WIDTH, i / TEXTURE_WIDTH] = input[i]
//
// input   [COUNT]
// stored  a texel for each vector, overwritten
// Grid: one thread a vector, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> input: array<Vector>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = workgroup_index(workgroup) * 64u + local;
  if (place < COUNT / VECTOR) {
    store(place, input[place]);
  }
}
