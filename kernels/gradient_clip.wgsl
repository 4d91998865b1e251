// The factor that keeps the gradients' global norm within a bound, as PyTorch's clip_grad_norm_.
//
//   norm = sqrt(sum of partials);  clipping = (min(1, MOST / (norm + 1e-6)), norm)
//
// partials  [PARTIALS], from gradient_squares
// clipping  [2], overwritten
// Grid: one workgroup of one thread.
@group(0) @binding(0) var<storage, read_write> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> clipping: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var i = 0u; i < PARTIALS; i++) {
    total += partials[i];
  }
  let norm = sqrt(total);
  let scale = MOST / (norm + 1e-6);
  // Keeps NaN, which min() may swallow.
  clipping[0] = select(scale, 1.0, scale > 1.0);
  clipping[1] = norm;
}
