// A product of two tiles in workgroup memory by matrix units. BLOCK_ROWS x BLOCK_COLUMNS results belong to a workgroup, whose
// SUBGROUP_ROWS x SUBGROUP_COLUMNS subgroups have an equal part of them each, in matrices of MATRIX_ROWS x MATRIX_COLUMNS; a step
// multiplies BLOCK_DEPTH terms of each. Tiles are float16, sums float32. The results reach the threads through a patch of each
// subgroup, as many side by side as it reads at a time. The calls are those of a draft: no other text has them.
//
// Limits: every subgroup has SUBGROUP invocations, by itself or with PINNED; TILE_THREADS is a multiple of the device's largest
// subgroup, and of BLOCK_ROWS / 4; subgroups divide a block into whole matrices, and PATCH_MATRICES a subgroup's columns of these.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
/* PINNED: enable subgroup_size_control; */
const SUBGROUPS = SUBGROUP_ROWS * SUBGROUP_COLUMNS;
const TILE_THREADS = SUBGROUPS * SUBGROUP;
const ROW_MATRICES = BLOCK_ROWS / SUBGROUP_ROWS / MATRIX_ROWS;
const COLUMN_MATRICES = BLOCK_COLUMNS / SUBGROUP_COLUMNS / MATRIX_COLUMNS;
const BLOCK_VECTORS = BLOCK_COLUMNS / VECTOR;
const PATCH_MATRICES = (SUBGROUP * VECTOR + MATRIX_ROWS * MATRIX_COLUMNS - 1u) / (MATRIX_ROWS * MATRIX_COLUMNS);
const PATCH_VECTORS = PATCH_MATRICES * MATRIX_COLUMNS / VECTOR;
// Rows of a patch that a subgroup reads at a time.
const PATCH_ROWS = SUBGROUP / PATCH_VECTORS;
const PATCH_READS = MATRIX_ROWS / PATCH_ROWS;
const ROW_THREADS = SUBGROUP_ROWS * PATCH_ROWS;
const COLUMN_THREADS = SUBGROUP_COLUMNS * PATCH_VECTORS;
const RESULT_ROWS = ROW_MATRICES * PATCH_READS;
const THREAD_VECTORS = COLUMN_MATRICES / PATCH_MATRICES;
const RESULTS = RESULT_ROWS * THREAD_VECTORS;

// The rows' tile is [depth][row] with ROWS_BY_DEPTH, else [row][depth], in fours. The columns' is column_tile, [depth][column] in
// vectors, with COLUMNS_BY_DEPTH, else turned_tile, [column][depth] in fours. Lines are longer than what they hold, so that they
// begin in different banks of the memory.
const ROW_LINES = select(BLOCK_ROWS, BLOCK_DEPTH, ROWS_BY_DEPTH);
const ROW_STRIDE = select(BLOCK_DEPTH, BLOCK_ROWS, ROWS_BY_DEPTH) / 4u + 2u;
const COLUMN_STRIDE = (BLOCK_COLUMNS + 8u) / VECTOR;
const TURNED_STRIDE = BLOCK_DEPTH / 4u + 2u;
var<workgroup> row_tile: array<vec4<f16>, ROW_LINES * ROW_STRIDE>;
var<workgroup> column_tile: array<TileVector, BLOCK_DEPTH * COLUMN_STRIDE>;
var<workgroup> turned_tile: array<vec4<f16>, BLOCK_COLUMNS * TURNED_STRIDE>;
var<workgroup> patches: array<Vector, SUBGROUPS * MATRIX_ROWS * PATCH_VECTORS>;

alias RowMatrix = subgroup_matrix_left<f16, MATRIX_DEPTH, MATRIX_ROWS>;
alias ColumnMatrix = subgroup_matrix_right<f16, MATRIX_COLUMNS, MATRIX_DEPTH>;
alias ResultMatrix = subgroup_matrix_result<f32, MATRIX_COLUMNS, MATRIX_ROWS>;
// A subgroup's results.
alias Products = array<array<ResultMatrix, COLUMN_MATRICES>, ROW_MATRICES>;

// The row of threads and the column of threads that read a thread's results.
fn thread_place(local: u32) -> vec2<u32> {
  let subgroup = local / SUBGROUP;
  let lane = local % SUBGROUP;
  let row = subgroup / SUBGROUP_COLUMNS * PATCH_ROWS + lane / PATCH_VECTORS;
  let column = subgroup % SUBGROUP_COLUMNS * PATCH_VECTORS + lane % PATCH_VECTORS;
  return vec2(row, column);
}

// Where in the block row i of a row of threads is.
fn block_row(i: u32, row: u32) -> u32 {
  let matrix = row / PATCH_ROWS * ROW_MATRICES + i / PATCH_READS;
  return matrix * MATRIX_ROWS + i % PATCH_READS * PATCH_ROWS + row % PATCH_ROWS;
}

// Where in the block vector j of a column of threads is.
fn column_vector(j: u32, column: u32) -> u32 {
  return (column / PATCH_VECTORS * THREAD_VECTORS + j) * PATCH_VECTORS + column % PATCH_VECTORS;
}

// Four terms of a pair of rows.
fn store_row_pair(four: u32, pair: u32, first: vec4<Element>, second: vec4<Element>) {
  row_tile[2u * pair * ROW_STRIDE + four] = vec4<f16>(first);
  row_tile[(2u * pair + 1u) * ROW_STRIDE + four] = vec4<f16>(second);
}

// One term of four rows.
fn store_row_four(depth: vec2<u32>, four: u32, value: vec4<Element>) {
  row_tile[(depth.x * 4u + depth.y) * ROW_STRIDE + four] = vec4<f16>(value);
}

// One term of a vector of columns.
fn store_column_vector(depth: vec2<u32>, vector: u32, value: Stored) {
  column_tile[(depth.x * 4u + depth.y) * COLUMN_STRIDE + vector] = TileVector(value);
}

// Four terms of a column.
fn store_column_four(four: u32, column: u32, value: vec4<f32>) {
  turned_tile[column * TURNED_STRIDE + four] = vec4<f16>(value);
}

fn multiply(z: ptr<function, Products>, place: vec2<u32>, subgroup: u32) {
  let first_row = subgroup / SUBGROUP_COLUMNS * ROW_MATRICES;
  let first_column = subgroup % SUBGROUP_COLUMNS * COLUMN_MATRICES;
  /* unroll */ for (var d = 0u; d < BLOCK_DEPTH; d += MATRIX_DEPTH) {
    var rows: array<RowMatrix, ROW_MATRICES>;
    /* unroll */ for (var i = 0u; i < ROW_MATRICES; i++) {
      rows[i] = row_matrix((first_row + i) * MATRIX_ROWS, d);
    }
    /* unroll */ for (var j = 0u; j < COLUMN_MATRICES; j++) {
      let columns = column_matrix((first_column + j) * MATRIX_COLUMNS, d);
      /* unroll */ for (var i = 0u; i < ROW_MATRICES; i++) {
        z[i][j] = multiply_matrices(rows[i], columns, z[i][j]);
      }
    }
  }
}

// A thread's results, patch by patch.
fn results_of(z: ptr<function, Products>, local: u32, subgroup: u32) -> array<Vector, RESULTS> {
  var results: array<Vector, RESULTS>;
  /* unroll */ for (var i = 0u; i < ROW_MATRICES; i++) {
    /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
      /* unroll */ for (var p = 0u; p < PATCH_MATRICES; p++) {
        let column = p * MATRIX_COLUMNS / VECTOR;
        store_matrix(subgroup * MATRIX_ROWS * PATCH_VECTORS + column, z[i][j * PATCH_MATRICES + p]);
      }
      workgroupBarrier();
      /* unroll */ for (var t = 0u; t < PATCH_READS; t++) {
        let vector = (local / SUBGROUP * PATCH_READS + t) * SUBGROUP + local % SUBGROUP;
        results[(i * PATCH_READS + t) * THREAD_VECTORS + j] = patches[vector];
      }
      workgroupBarrier();
    }
  }
  return results;
}

// A matrix of the rows' tile, from a row and a term on. Places and strides count elements of the tiles.
fn row_matrix(row: u32, depth: u32) -> RowMatrix {
  if (ROWS_BY_DEPTH) {
    return subgroupMatrixLoad<RowMatrix, col_major>(&row_tile, depth * ROW_STRIDE + row / 4u, ROW_STRIDE);
  } else {
    return subgroupMatrixLoad<RowMatrix, row_major>(&row_tile, row * ROW_STRIDE + depth / 4u, ROW_STRIDE);
  }
}

fn column_matrix(column: u32, depth: u32) -> ColumnMatrix {
  if (COLUMNS_BY_DEPTH) {
    let place = depth * COLUMN_STRIDE + column / VECTOR;
    return subgroupMatrixLoad<ColumnMatrix, row_major>(&column_tile, place, COLUMN_STRIDE);
  } else {
    let place = column * TURNED_STRIDE + depth / 4u;
    return subgroupMatrixLoad<ColumnMatrix, col_major>(&turned_tile, place, TURNED_STRIDE);
  }
}

fn multiply_matrices(rows: RowMatrix, columns: ColumnMatrix, sum: ResultMatrix) -> ResultMatrix {
  return subgroupMatrixMultiplyAccumulate(rows, columns, sum);
}

fn store_matrix(place: u32, result: ResultMatrix) {
  subgroupMatrixStore<row_major>(&patches, place, result, PATCH_VECTORS);
}
