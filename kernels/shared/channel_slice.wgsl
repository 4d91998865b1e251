// What a thread sums in a reduction over pixels, channel by channel: a vector of channels over a slice of pixels.
struct ChannelSlice {
  // Whether there is as much: workgroups and lanes are rounded up.
  inside: bool,
  vector: u32,
  slice: u32,
  first: u32,
  last: u32,
}

fn channel_slice(workgroup: vec3u, local: u32) -> ChannelSlice {
  let index = workgroup_index(workgroup);
  let vector = index % CHANNEL_BLOCKS * LANES + local;
  let slice = index / CHANNEL_BLOCKS;
  let first = slice * SLICE_PIXELS;
  let inside = (vector < CHANNELS / VECTOR) & (index < WORKGROUPS);
  return ChannelSlice(inside, vector, slice, first, min(first + SLICE_PIXELS, PIXELS));
}
