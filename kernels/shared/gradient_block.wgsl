// A row's gradients in blocks of PIXELS neighbouring output pixels, for filter gradients. The last block ends with the row; pixels
// that the block before had count as zeros. A pixel behind the row would multiply inputs that its tap never meets, and NaN times
// 0 is NaN.

// The first pixel of the block for those from `pixel` on.
fn block_start(pixel: u32) -> u32 {
  return min(pixel, OUT_WIDTH - PIXELS);
}

// Vector k of pixel i of that block; `row` is counted over all images.
fn block_gradient(row: u32, pixel: u32, i: u32, k: u32) -> Vector {
  let own = (OUT_WIDTH % PIXELS == 0u) | (block_start(pixel) + i >= pixel);
  return select(Vector(), Vector(gradient[(row * OUT_WIDTH + block_start(pixel) + i) * OUT_VECTORS + k]), own);
}
