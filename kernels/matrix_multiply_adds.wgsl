// Multiply-adds of matrix units, with operands and sums in registers: what a device computes at best in float16 with float32 sums.
//
// output  [WORKGROUPS * SUBGROUPS * SUBGROUP]: one number a thread, the sum of its results, so that nothing is left out; overwritten
// multiply_matrices() and the matrices are in shared/matrix_product.wgsl, what tiles lie as in shared/tile_f16_4.wgsl.
// Grid: blocks of BLOCK_ROWS x BLOCK_COLUMNS results, each ROUNDS products of MATRIX_DEPTH terms.
// Limits: BLOCK_DEPTH is MATRIX_DEPTH, ROWS_BY_DEPTH and COLUMNS_BY_DEPTH are false.
@group(0) @binding(0) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(SUBGROUPS * SUBGROUP) /* PINNED: @subgroup_size(SUBGROUP) */
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32,
        @builtin(subgroup_id) subgroup: u32) {
  let index = workgroup_index(workgroup);
  if (index >= WORKGROUPS) {
    return;
  }
  for (var i = local; i < BLOCK_ROWS * ROW_STRIDE; i += TILE_THREADS) {
    row_tile[i] = vec4<f16>(1.0);
  }
  for (var i = local; i < BLOCK_COLUMNS * TURNED_STRIDE; i += TILE_THREADS) {
    turned_tile[i] = vec4<f16>(1.0);
  }
  workgroupBarrier();
  var rows: array<RowMatrix, ROW_MATRICES>;
  /* unroll */ for (var i = 0u; i < ROW_MATRICES; i++) {
    rows[i] = row_matrix((subgroup / SUBGROUP_COLUMNS * ROW_MATRICES + i) * MATRIX_ROWS, 0u);
  }
  var columns: array<ColumnMatrix, COLUMN_MATRICES>;
  /* unroll */ for (var j = 0u; j < COLUMN_MATRICES; j++) {
    columns[j] = column_matrix((subgroup % SUBGROUP_COLUMNS * COLUMN_MATRICES + j) * MATRIX_COLUMNS, 0u);
  }
  var z: Products;
  for (var round = 0u; round < ROUNDS; round++) {
    /* unroll */ for (var i = 0u; i < ROW_MATRICES; i++) {
      /* unroll */ for (var j = 0u; j < COLUMN_MATRICES; j++) {
        z[i][j] = multiply_matrices(rows[i], columns[j], z[i][j]);
      }
    }
  }
  let results = results_of(&z, local, subgroup);
  var sum = 0.0;
  /* unroll */ for (var i = 0u; i < RESULTS; i++) {
    sum += vector_sum(results[i]);
  }
  output[index * TILE_THREADS + local] = sum;
}
