// Rows of a table, put there or taken from there by index.
//
//   table[indices[n], c] = rows[n, c]        STORE true
//   rows[n, c] = table[indices[n], c]        STORE false
//
// table    [ENTRIES, COLUMNS]
// rows     [ROWS, COLUMNS]
// indices  [ROWS], u32; of ROWS different entries where STORE; an index that is no entry leaves its row out
// Grid: one thread an element of rows, 64 a workgroup. Overwrites.
@group(0) @binding(0) var<storage, read_write> table: array<f32>;
@group(0) @binding(1) var<storage, read_write> rows: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let element = workgroup_index(workgroup) * 64u + local;
  if (element >= ROWS * COLUMNS) {
    return;
  }
  let entry = indices[element / COLUMNS];
  if (entry >= ENTRIES) {
    return;
  }
  let place = entry * COLUMNS + element % COLUMNS;
  if (STORE) {
    table[place] = rows[element];
  } else {
    rows[element] = table[place];
  }
}
