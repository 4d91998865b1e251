// A pixel has one window sum for each group of channels.
alias WindowSum = f32;

// Where the sum of a pixel's group is; `element` is where a vector of the group's channels is.
fn window_sum_place(pixel: u32, group: u32, element: u32) -> u32 {
  return pixel * GROUPS + group;
}
