// A pixel has one window sum for each channel, as in a depthwise convolution; kernels take all channels for one group.
alias WindowSum = Vector;

// Where the sums of a vector of channels are, which is at `element`.
fn window_sum_place(pixel: u32, group: u32, element: u32) -> u32 {
  return element;
}
