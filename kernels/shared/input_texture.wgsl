// Input channels in a texture: 4 channels each.
@group(0) @binding(0) var input: texture_storage_2d<rgba32float, read>;

fn input_at(place: u32) -> Read {
  return textureLoad(input, texture_place(place));
}
