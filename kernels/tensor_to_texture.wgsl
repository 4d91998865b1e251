// A tensor in a texture, which some processors that play a GPU read several times as fast as a buffer.
//
//   destination[i % TEXTURE_WIDTH, i / TEXTURE_WIDTH] = input[i]
//
// input        [COUNT]
// destination  a texel for each vector, overwritten
// Grid: one thread 8 vectors, 64 a workgroup. VECTOR divides COUNT.
@group(0) @binding(0) var<storage, read_write> input: array<Vector>;

const THREAD_VECTORS = 8u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = workgroup_index(workgroup) * 64u * THREAD_VECTORS + local;
  /* unroll */ for (var i = 0u; i < THREAD_VECTORS; i++) {
    let place = first + i * 64u;
    if (place < COUNT / VECTOR) {
      store(place, input[place]);
    }
  }
}
