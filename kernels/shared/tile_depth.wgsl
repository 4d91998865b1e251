// Where terms lie in tiles: by fours.
const DEPTH_FOURS = BLOCK_DEPTH / 4u;

// Where the depth of a thread's load is: that of its first load is `first`, and each is `step` behind the one before.
fn depth_place(first: u32, load: u32, step: u32) -> vec2<u32> {
  let depth = first + load * step;
  // Steps of whole fours leave the place in the four to the first load.
  let by_fours = vec2(first / 4u + load * step / 4u, first % 4u);
  return select(vec2(depth / 4u, depth % 4u), by_fours, step % 4u == 0u);
}
