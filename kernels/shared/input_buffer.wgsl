// Input channels in a buffer.
@group(0) @binding(0) var<storage, read_write> input: array<StoredRead>;

fn input_at(place: u32) -> Read {
  return Read(input[place]);
}
