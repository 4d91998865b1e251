// Filters in a texture, in rows of TEXTURE_WIDTH texels: 4 output channels each.
@group(0) @binding(1) var filters: texture_storage_2d<rgba32float, read>;

fn filter_at(place: u32) -> Vector {
  return textureLoad(filters, vec2<u32>(place % TEXTURE_WIDTH, place / TEXTURE_WIDTH));
}
