// Vectors stored in a buffer.
@group(0) @binding(1) var<storage, read_write> destination: array<Stored>;

fn store(place: u32, value: Vector) {
  destination[place] = Stored(value);
}
