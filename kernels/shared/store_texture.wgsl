// Vectors stored in a texture: 4 values each.
@group(0) @binding(1) var destination: texture_storage_2d<rgba32float, write>;

fn store(place: u32, value: Vector) {
  textureStore(destination, texture_place(place), value);
}
