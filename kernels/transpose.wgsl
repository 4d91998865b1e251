// Matrices turned round: images with their channels apart, as a flatten has them, or such rows made images again.
//
//   output[n, column, row] = input[n, row, column], or added to what is there with ACCUMULATE
//
// input   [BATCH, ROWS, COLUMNS]
// output  [BATCH, COLUMNS, ROWS]
// status  [4], with CHECKED: the first becomes 1 where a value does not fit into float16
// Grid: one thread an element of the output, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> output: array<Element>;
@group(0) @binding(2) var<storage, read_write> status: array<f32>;

const ELEMENTS = ROWS * COLUMNS;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = workgroup_index(workgroup) * 64u + local;
  if (place >= BATCH * ELEMENTS) {
    return;
  }
  let within = place % ELEMENTS;
  var value = f32(input[place - within + within % ROWS * COLUMNS + within / ROWS]);
  if (ACCUMULATE) {
    value += f32(output[place]);
  }
  output[place] = Element(value);
  if (CHECKED) {
    if (!fits(value, value, LARGEST_HALF)) {
      status[0] = 1.0;
    }
  }
}
