// A product of two tiles in workgroup memory. BLOCK_ROWS x BLOCK_COLUMNS results belong to a workgroup, THREAD_ROWS x
// THREAD_COLUMNS of them to each thread, in registers; a step multiplies BLOCK_DEPTH terms of each. The one index of a read that
// is no constant comes last, so that an address needs no arithmetic inside a step, and one check of its bounds at most.
const ROW_THREADS = BLOCK_ROWS / THREAD_ROWS;
const COLUMN_THREADS = BLOCK_COLUMNS / THREAD_COLUMNS;
const TILE_THREADS = ROW_THREADS * COLUMN_THREADS;
const DEPTH_FOURS = BLOCK_DEPTH / 4u;
const ROW_FOURS = THREAD_ROWS / 4u;
const THREAD_VECTORS = THREAD_COLUMNS / VECTOR;
const BLOCK_VECTORS = BLOCK_COLUMNS / VECTOR;
const RESULTS = THREAD_ROWS * THREAD_VECTORS;

// [four of depth][of the four][four rows][row of threads][half of the four]
var<workgroup> row_tile: array<array<array<array<array<TilePair, 2>, ROW_THREADS>, ROW_FOURS>, 4>, DEPTH_FOURS>;
var<workgroup> column_tile: array<array<array<array<TileVector, COLUMN_THREADS>, THREAD_VECTORS>, 4>, DEPTH_FOURS>;

// Where in the block row i of a row of threads is.
fn block_row(i: u32, row: u32) -> u32 {
  return (i / 4u * ROW_THREADS + row) * 4u + i % 4u;
}

// Where the depth of a thread's load is: that of its first load is `first`, and each is `step` behind the one before.
fn depth_place(first: u32, load: u32, step: u32) -> vec2<u32> {
  let depth = first + load * step;
  // Steps of whole fours leave the place in the four to the first load.
  let by_fours = vec2(first / 4u + load * step / 4u, first % 4u);
  return select(vec2(depth / 4u, depth % 4u), by_fours, step % 4u == 0u);
}

fn multiply(z: ptr<function, array<Vector, RESULTS>>, row: u32, column: u32) {
  var products: array<TileVector, RESULTS>;
  /* unroll */ for (var d = 0u; d < BLOCK_DEPTH; d++) {
    var values: array<Tile, THREAD_ROWS>;
    /* unroll */ for (var i = 0u; i < THREAD_ROWS; i++) {
      values[i] = row_tile[d / 4u][d % 4u][i / 4u][row][i / 2u % 2u][i % 2u];
    }
    /* unroll */ for (var j = 0u; j < THREAD_VECTORS; j++) {
      let weights = column_tile[d / 4u][d % 4u][j][column];
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
