// Input channels in a texture, in rows of TEXTURE_WIDTH texels: 4 channels each.
@group(0) @binding(0) var input: texture_storage_2d<rgba32float, read>;

fn input_at(place: u32) -> Read {
  return textureLoad(input, vec2<u32>(place % TEXTURE_WIDTH, place / TEXTURE_WIDTH));
}
