// Vectors stored in a texture, in rows of TEXTURE_WIDTH texels: 1 value each.
@group(0) @binding(1) var stored: texture_storage_2d<r32float, write>;

fn store(place: u32, value: Vector) {
  textureStore(stored, vec2<u32>(place % TEXTURE_WIDTH, place / TEXTURE_WIDTH), vec4<f32>(value, 0.0, 0.0, 0.0));
}
