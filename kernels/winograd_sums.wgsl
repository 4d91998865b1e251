// The window sums of an IC unit from the sums over channels of a Winograd convolution's transformed input: as an output
// channel of their own, whose filter is 1 throughout.
//
//   window_sums = A^T (u u^T o sums) A, u = G (1, 1, 1)
//
// sums         [BATCH * TILE_ROWS * TILE_COLUMNS, WINDOW * WINDOW]
// window_sums  [BATCH, OUT_HEIGHT, OUT_WIDTH], overwritten
// Grid: one thread a tile, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> window_sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = workgroup_index(workgroup) * 64u + local;
  if (tile >= BATCH * TILE_ROWS * TILE_COLUMNS) {
    return;
  }
  let ones = transform_filter(array<f32, 3>(1.0, 1.0, 1.0));
  var rows: array<array<f32, TILE>, WINDOW>;
  /* unroll */ for (var i = 0u; i < WINDOW; i++) {
    var m: array<f32, WINDOW>;
    /* unroll */ for (var j = 0u; j < WINDOW; j++) {
      m[j] = ones[i] * ones[j] * sums[tile * WINDOW * WINDOW + i * WINDOW + j];
    }
    rows[i] = transform_output(m);
  }
  let n = tile / TILE_COLUMNS / TILE_ROWS;
  /* unroll */ for (var j = 0u; j < TILE; j++) {
    var column: array<f32, WINDOW>;
    /* unroll */ for (var i = 0u; i < WINDOW; i++) {
      column[i] = rows[i][j];
    }
    let values = transform_output(column);
    let q = tile % TILE_COLUMNS * TILE + j;
    /* unroll */ for (var i = 0u; i < TILE; i++) {
      let p = tile / TILE_COLUMNS % TILE_ROWS * TILE + i;
      if ((p < OUT_HEIGHT) & (q < OUT_WIDTH)) {
        window_sums[(n * OUT_HEIGHT + p) * OUT_WIDTH + q] = values[i];
      }
    }
  }
}
