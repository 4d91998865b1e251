// Filters in a texture: 4 output channels each.
@group(0) @binding(1) var filters: texture_storage_2d<rgba32float, read>;

fn filter_at(place: u32) -> Vector {
  return textureLoad(filters, texture_place(place));
}
