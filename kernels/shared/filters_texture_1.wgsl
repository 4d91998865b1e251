// Filters in a texture, in rows of TEXTURE_WIDTH texels: 1 output channel each.
@group(0) @binding(1) var filters: texture_storage_2d<r32float, read>;

fn filter_at(place: u32) -> Vector {
  return textureLoad(filters, vec2<u32>(place % TEXTURE_WIDTH, place / TEXTURE_WIDTH)).x;
}
