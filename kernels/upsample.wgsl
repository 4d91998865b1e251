// An image made larger by whole factors: each pixel the nearest one, or with BILINEAR a mean of the four around it.
//
//   output[n,p,q,c] = (1 - y) ((1 - x) input[n,h,w,c] + x input[n,h,w',c]) + y ((1 - x) input[n,h',w,c] + x input[n,h',w',c])
//   h, h', y and w, w', x as in shared/between.wgsl
//
// input   [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]
// output  [BATCH, IN_HEIGHT * FACTOR_HEIGHT, IN_WIDTH * FACTOR_WIDTH, CHANNELS], overwritten
// Grid: one thread a vector of the output's channels, 64 a workgroup. VECTOR divides CHANNELS.
// Limits: with ALIGN_CORNERS, rows of input times rows of output are less than 2^32, and so are columns.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;
@group(0) @binding(1) var<storage, read_write> output: array<Stored>;

const VECTORS = CHANNELS / VECTOR;
const OUT_HEIGHT = IN_HEIGHT * FACTOR_HEIGHT;
const OUT_WIDTH = IN_WIDTH * FACTOR_WIDTH;

fn value_at(row: u32, column: u32, c: u32) -> Vector {
  return Vector(input[(row * IN_WIDTH + column) * VECTORS + c]);
}

fn within_row(row: u32, columns: Between, c: u32) -> Vector {
  let first = value_at(row, columns.first, c);
  return first * (1.0 - columns.share) + value_at(row, columns.second, c) * columns.share;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= BATCH * OUT_HEIGHT * OUT_WIDTH * VECTORS) {
    return;
  }
  let c = element % VECTORS;
  let pixel = element / VECTORS;
  let image = pixel / OUT_WIDTH / OUT_HEIGHT * IN_HEIGHT;
  let rows = between(pixel / OUT_WIDTH % OUT_HEIGHT, IN_HEIGHT, FACTOR_HEIGHT);
  let columns = between(pixel % OUT_WIDTH, IN_WIDTH, FACTOR_WIDTH);
  if (BILINEAR) {
    let first = within_row(image + rows.first, columns, c);
    output[element] = Stored(first * (1.0 - rows.share) + within_row(image + rows.second, columns, c) * rows.share);
  } else {
    output[element] = Stored(value_at(image + rows.first, columns.first, c));
  }
}
