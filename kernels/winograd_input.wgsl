// First part of a Winograd convolution, filter 3x3, stride 1: destination = B^T d B for every tile's window d of the input.
//
// input        [BATCH, IN_HEIGHT, IN_WIDTH, CHANNELS]; beyond its edges 0
// destination  [BATCH * TILE_ROWS * TILE_COLUMNS, WINDOW * WINDOW, CHANNELS], overwritten
// Grid: one thread a tile and vector of channels, 64 a workgroup.
@group(0) @binding(0) var<storage, read_write> input: array<Stored>;

const CHANNEL_VECTORS = CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup) * 64u + local;
  if (index >= BATCH * TILE_ROWS * TILE_COLUMNS * CHANNEL_VECTORS) {
    return;
  }
  let c = index % CHANNEL_VECTORS;
  let tile = index / CHANNEL_VECTORS;
  let first_row = i32(tile / TILE_COLUMNS % TILE_ROWS * TILE) - PADDING_HEIGHT;
  let first_column = i32(tile % TILE_COLUMNS * TILE) - PADDING_WIDTH;
  let image = tile / TILE_COLUMNS / TILE_ROWS * IN_HEIGHT * IN_WIDTH;

  var rows: array<array<Vector, WINDOW>, WINDOW>;
  /* unroll */ for (var i = 0u; i < WINDOW; i++) {
    let h = first_row + i32(i);
    var d: array<Vector, WINDOW>;
    /* unroll */ for (var j = 0u; j < WINDOW; j++) {
      let w = first_column + i32(j);
      let inside = (u32(h) < IN_HEIGHT) & (u32(w) < IN_WIDTH);
      let pixel = select(0u, image + u32(h) * IN_WIDTH + u32(w), inside);
      d[j] = select(Vector(), Vector(input[pixel * CHANNEL_VECTORS + c]), inside);
    }
    rows[i] = transform_input(d);
  }
  let base = tile * WINDOW * WINDOW * CHANNEL_VECTORS + c;
  /* unroll */ for (var j = 0u; j < WINDOW; j++) {
    var column: array<Vector, WINDOW>;
    /* unroll */ for (var i = 0u; i < WINDOW; i++) {
      column[i] = rows[i][j];
    }
    let values = transform_input(column);
    /* unroll */ for (var i = 0u; i < WINDOW; i++) {
      store(base + (i * WINDOW + j) * CHANNEL_VECTORS, values[i]);
    }
  }
}
