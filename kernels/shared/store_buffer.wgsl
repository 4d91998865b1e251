// Vectors stored in a buffer.
@group(0) @binding(1) var<storage, read_write> stored: array<Vector>;

fn store(place: u32, value: Vector) {
  stored[place] = value;
}
