// Filters in a buffer.
@group(0) @binding(1) var<storage, read_write> filters: array<FilterRead>;

fn filter_at(place: u32) -> FilterRead {
  return filters[place];
}
