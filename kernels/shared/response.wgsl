// What a channel's neighbourhood divides it by, ahead of the power: K + ALPHA * the sum of the squares of SIZE channels, from
// SIZE / 2 ahead of it on.
fn response(pixel: u32, c: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < SIZE; i++) {
    // Ahead of the first channel this is larger than any number of channels.
    let neighbour = c + i - SIZE / 2u;
    if (neighbour < CHANNELS) {
      let value = f32(input[pixel * CHANNELS + neighbour]);
      sum += value * value;
    }
  }
  return K + ALPHA * sum;
}
