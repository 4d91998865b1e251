// The factor that keeps the gradients' global norm within a bound, as PyTorch's clip_grad_norm_.
//
//   norm = sqrt(sum of partials), with SCALED of gradients times the loss scale: norm / scale
//   clipping = (min(1, MOST / (norm + 1e-6)), norm), with SCALED the first by scale
//
// partials  [PARTIALS], from gradient_squares
// clipping  [2], overwritten
// loss_scale  [8], as loss_scale.wgsl leaves it, with SCALED
// Grid: one workgroup of one thread.
@group(0) @binding(0) var<storage, read_write> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> clipping: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss_scale: array<f32>;

@compute @workgroup_size(1)
fn main() {
  var total = 0.0;
  for (var i = 0u; i < PARTIALS; i++) {
    total += partials[i];
  }
  var norm = sqrt(total);
  if (SCALED) {
    norm *= loss_scale[0];
  }
  let scale = MOST / (norm + 1e-6);
  // Keeps NaN, which min() may swallow.
  var factor = select(scale, 1.0, scale > 1.0);
  if (SCALED) {
    factor *= loss_scale[0];
  }
  clipping[0] = factor;
  clipping[1] = norm;
}
