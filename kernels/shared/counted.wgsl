// How many positions of a window along an axis of the padded image lie from `start` to ahead of `end`, one at least.
fn counted(window: u32, stride: u32, length: u32, start: u32, end: u32) -> u32 {
  let first = window * stride;
  return min(first + length, end) - max(first, start);
}
