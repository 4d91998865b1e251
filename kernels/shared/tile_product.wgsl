// A product of two tiles in workgroup memory. BLOCK_ROWS x BLOCK_COLUMNS results belong to a workgroup, THREAD_ROWS x
// THREAD_COLUMNS of them to each thread, in registers; a step multiplies BLOCK_DEPTH terms of each. The one index of a read that
// is no constant comes last, so that an address needs no arithmetic inside a step, and one check of its bounds at most.
const ROW_THREADS = BLOCK_ROWS / THREAD_ROWS;
const COLUMN_THREADS = BLOCK_COLUMNS / THREAD_COLUMNS;
const TILE_THREADS = ROW_THREADS * COLUMN_THREADS;
const ROW_FOURS = THREAD_ROWS / 4u;
const THREAD_VECTORS = THREAD_COLUMNS / VECTOR;
const BLOCK_VECTORS = BLOCK_COLUMNS / VECTOR;
const RESULT_ROWS = THREAD_ROWS;
const RESULTS = RESULT_ROWS * THREAD_VECTORS;

// [four of depth][of the four][four rows][row of threads][half of the four]
var<workgroup> row_tile: array<array<array<array<array<TilePair, 2>, ROW_THREADS>, ROW_FOURS>, 4>, DEPTH_FOURS>;
var<workgroup> column_tile: array<array<array<array<TileVector, COLUMN_THREADS>, THREAD_VECTORS>, 4>, DEPTH_FOURS>;

// A thread's results, sum by sum.
alias Products = array<Vector, RESULTS>;

// The row of threads and the column of threads that a thread is in.
fn thread_place(local: u32) -> vec2<u32> {
  return vec2(local / COLUMN_THREADS, local % COLUMN_THREADS);
}

// Where in the block row i of a row of threads is.
fn block_row(i: u32, row: u32) -> u32 {
  return (i / 4u * ROW_THREADS + row) * 4u + i % 4u;
}

// Where in the block vector j of a column of threads is.
fn column_vector(j: u32, column: u32) -> u32 {
  return j * COLUMN_THREADS + column;
}

// Four terms of a pair of rows, which turns them round for four stores of a pair each: in the tile rows are contiguous.
fn store_row_pair(four: u32, pair: u32, first: vec4<Element>, second: vec4<Element>) {
  /* unroll */ for (var e = 0u; e < 4u; e++) {
    let value = TilePair(vec2<Element>(first[e], second[e]));
    row_tile[four][e][pair / 2u / ROW_THREADS][pair / 2u % ROW_THREADS][pair % 2u] = value;
  }
}

// One term of a vector of columns.
fn store_column_vector(depth: vec2<u32>, vector: u32, value: Stored) {
  column_tile[depth.x][depth.y][vector / COLUMN_THREADS][vector % COLUMN_THREADS] = TileVector(value);
}

fn multiply(z: ptr<function, Products>, place: vec2<u32>) {
  var products: array<TileVector, RESULTS>;
  /* unroll */ for (var d = 0u; d < BLOCK_DEPTH; d++) {
    var values: array<Tile, THREAD_ROWS>;
    /* unroll */ for (var i = 0u; i < THREAD_ROWS; i++) {
      values[i] = row_tile[d / 4u][d % 4u][i / 4u][place.x][i / 2u % 2u][i % 2u];
    }
    /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
      let weights = column_tile[d / 4u][d % 4u][j][place.y];
      /* unroll */ for (var i = 0u; i < THREAD_ROWS; i++) {
        if (HALF) {
          products[i * THREAD_VECTORS + j] += values[i] * weights;
        } else {
          z[i * THREAD_VECTORS + j] += Vector(values[i] * weights);
        }
      }
    }
  }
  if (HALF) {
    /* unroll */ for (var i = 0u; i < RESULTS; i++) {
      z[i] += Vector(products[i]);
    }
  }
}

fn results_of(z: ptr<function, Products>) -> array<Vector, RESULTS> {
  return *z;
}
