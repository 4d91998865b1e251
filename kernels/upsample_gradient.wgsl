// Gradient of making an image larger: every pixel collects from those that took a share of it, in a fixed order.
//
//   input_gradient[n,h,w,c] = sum over p,q of share(p, h) share(q, w) gradient[n,p,q,c], or added to what is there with ACCUMULATE
//   share(p, h): what of pixel p is pixel h along an axis, as in shared/between.wgsl
//
// gradient        [BATCH, IN_HEIGHT * FACTOR_HEIGHT, IN_WIDTH * FACTOR_WIDTH, CHANNELS]
// input_gradient  [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]
// status          [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread a vector of the input's channels, 64 a workgroup. VECTOR divides CHANNELS.
// Limits: with ALIGN_CORNERS, rows of input times rows of output are less than 2^32, and so are columns.
@group(0) @binding(0) var<storage, read_write> gradient: array<Stored>;
@group(0) @binding(1) var<storage, read_write> input_gradient: array<Stored>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

const VECTORS = CHANNELS / VECTOR;
const OUT_HEIGHT = IN_HEIGHT * FACTOR_HEIGHT;
const OUT_WIDTH = IN_WIDTH * FACTOR_WIDTH;

// The pixels of the enlarged image that may take a share of one pixel along an axis: `count` of them from `first` on.
struct Places {
  first: u32,
  count: u32,
}

fn places(position: u32, size: u32, factor: u32) -> Places {
  var first = position * factor;
  var count = factor;
  if (BILINEAR) {
    let before = max(position, 1u) - 1u;
    if (ALIGN_CORNERS) {
      let steps = size * factor - 1u;
      first = before * steps / max(size - 1u, 1u);
      count = 2u * steps / max(size - 1u, 1u) + 3u;
    } else {
      first = before * factor;
      count = 3u * factor;
    }
  }
  return Places(first, min(count, size * factor - first));
}

fn share(place: u32, position: u32, size: u32, factor: u32) -> f32 {
  let taken = between(place, size, factor);
  let first = select(0.0, 1.0 - taken.share, taken.first == position);
  return first + select(0.0, taken.share, taken.second == position);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * IN_HEIGHT * IN_WIDTH * VECTORS) {
    return;
  }
  let c = element % VECTORS;
  let pixel = element / VECTORS;
  let w = pixel % IN_WIDTH;
  let h = pixel / IN_WIDTH % IN_HEIGHT;
  let image = pixel / IN_WIDTH / IN_HEIGHT * OUT_HEIGHT;
  let rows = places(h, IN_HEIGHT, FACTOR_HEIGHT);
  let columns = places(w, IN_WIDTH, FACTOR_WIDTH);
  var sum = Vector();
  for (var p = rows.first; p < rows.first + rows.count; p++) {
    let of_row = share(p, h, IN_HEIGHT, FACTOR_HEIGHT);
    if (of_row == 0.0) {
      continue;
    }
    for (var q = columns.first; q < columns.first + columns.count; q++) {
      let of_column = share(q, w, IN_WIDTH, FACTOR_WIDTH);
      if (of_column > 0.0) {
        sum += of_row * of_column * Vector(gradient[((image + p) * OUT_WIDTH + q) * VECTORS + c]);
      }
    }
  }
  if (ACCUMULATE) {
    sum += Vector(input_gradient[element]);
  }
  input_gradient[element] = Stored(sum);
  if (CHECKED) {
    if (!fits(sum, sum, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
