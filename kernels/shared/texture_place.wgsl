// Where in a texture a tensor's vector is: texels follow one another in rows of TEXTURE_WIDTH.
fn texture_place(place: u32) -> vec2<u32> {
  return vec2<u32>(place % TEXTURE_WIDTH, place / TEXTURE_WIDTH);
}
