// Last part of a Winograd convolution: z = A^T m A for every tile's products m, and what follows the sum in registers.
//
//   output = what shared/convolution_output.wgsl makes of z and, with SUMS, of the window sums A^T (u u^T o sums) A, which
//   are those of a channel whose filter is 1 throughout, u = G (1, 1, 1)
//
// products      [BATCH * TILE_ROWS * TILE_COLUMNS, WINDOW * WINDOW, GROUP_OUT]
// product_sums  [BATCH * TILE_ROWS * TILE_COLUMNS, WINDOW * WINDOW] over the channels of the transformed input, with SUMS
// The other bindings are those of shared/convolution_output.wgsl.
// Grid: one thread THREAD_TILES tiles and a vector of output channels, 64 a workgroup.
// Limits: GROUPS is 1.
@group(0) @binding(0) var<storage, read_write> products: array<Vector>;
@group(0) @binding(1) var<storage, read_write> product_sums: array<vec4<f32>>;

const TILES = BATCH * TILE_ROWS * TILE_COLUMNS;
const WINDOW_VECTORS = WINDOW * WINDOW / 4u;

// A^T m of a tile's products, row by row.
fn tile_rows(tile: u32, k: u32) -> array<array<Vector, TILE>, WINDOW> {
  let base = tile * WINDOW * WINDOW * OUT_VECTORS + k;
  var rows: array<array<Vector, TILE>, WINDOW>;
  /* unroll */ for (var i = 0u; i < WINDOW; i++) {
    var m: array<Vector, WINDOW>;
    /* unroll */ for (var j = 0u; j < WINDOW; j++) {
      m[j] = products[base + (i * WINDOW + j) * OUT_VECTORS];
    }
    rows[i] = transform_output(m);
  }
  return rows;
}

// The window sums of a tile, row by row; as many of its columns, then rows, as a Vector has components are transformed at once.
fn tile_sums(tile: u32) -> array<f32, TILE * TILE> {
  var window: array<f32, WINDOW * WINDOW>;
  /* unroll */ for (var v = 0u; v < WINDOW_VECTORS; v++) {
    let read = product_sums[tile * WINDOW_VECTORS + v];
    /* unroll */ for (var e = 0u; e < 4u; e++) {
      window[v * 4u + e] = read[e];
    }
  }
  var rows: array<f32, TILE * WINDOW>;
  /* unroll */ for (var first = 0u; first < WINDOW; first += VECTOR) {
    var m: array<Vector, WINDOW>;
    /* unroll */ for (var i = 0u; i < WINDOW; i++) {
      /* unroll */ for (var e = 0u; e < VECTOR; e++) {
        if (first + e < WINDOW) {
          m[i] = set_component(m[i], e, window[i * WINDOW + first + e]);
        }
      }
    }
    let sums = transform_sums(m);
    /* unroll */ for (var i = 0u; i < TILE; i++) {
      let parts = components(sums[i]);
      /* unroll */ for (var e = 0u; e < VECTOR; e++) {
        if (first + e < WINDOW) {
          rows[i * WINDOW + first + e] = parts[e];
        }
      }
    }
  }
  var result: array<f32, TILE * TILE>;
  /* unroll */ for (var first = 0u; first < TILE; first += VECTOR) {
    var m: array<Vector, WINDOW>;
    /* unroll */ for (var j = 0u; j < WINDOW; j++) {
      /* unroll */ for (var e = 0u; e < VECTOR; e++) {
        if (first + e < TILE) {
          m[j] = set_component(m[j], e, rows[(first + e) * WINDOW + j]);
        }
      }
    }
    let sums = transform_sums(m);
    /* unroll */ for (var j = 0u; j < TILE; j++) {
      let parts = components(sums[j]);
      /* unroll */ for (var e = 0u; e < VECTOR; e++) {
        if (first + e < TILE) {
          result[(first + e) * TILE + j] = parts[e];
        }
      }
    }
  }
  return result;
}

// Transforms and stores a tile's outputs, and adds them to the moments of its channels.
fn store_tile(tile: u32, k: u32, rows: array<array<Vector, TILE>, WINDOW>, terms: ChannelTerms, before: Moments) -> Moments {
  var moments = before;
  var sums: array<f32, TILE * TILE>;
  if (SUMS != 0u) {
    sums = tile_sums(tile);
  }
  let n = tile / TILE_COLUMNS / TILE_ROWS;
  /* unroll */ for (var j = 0u; j < TILE; j++) {
    var column: array<Vector, WINDOW>;
    /* unroll */ for (var i = 0u; i < WINDOW; i++) {
      column[i] = rows[i][j];
    }
    let values = transform_output(column);
    let q = tile % TILE_COLUMNS * TILE + j;
    /* unroll */ for (var i = 0u; i < TILE; i++) {
      let p = tile / TILE_COLUMNS % TILE_ROWS * TILE + i;
      if ((p < OUT_HEIGHT) & (q < OUT_WIDTH)) {
        let pixel = (n * OUT_HEIGHT + p) * OUT_WIDTH + q;
        let stored = store_output(pixel, 0u, k, values[i], sums[i * TILE + j], terms);
        if (STORE_SUMS) {
          if (k == 0u) {
            window_sums[pixel] = sums[i * TILE + j];
          }
        }
        if (STATISTICS) {
          moments = with_value(moments, stored);
        }
      }
    }
  }
  return moments;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup) * 64u + local;
  let block = index / OUT_VECTORS;
  if (block * THREAD_TILES >= TILES) {
    return;
  }
  let k = index % OUT_VECTORS;
  let terms = channel_terms(k);
  var moments: Moments;
  /* unroll once */ for (var t = 0u; t < THREAD_TILES; t++) {
    let tile = block * THREAD_TILES + t;
    if (THREAD_TILES > 1u) {
      if (tile >= TILES) {
        break;
      }
    }
    moments = store_tile(tile, k, tile_rows(tile, k), terms, moments);
  }
  if (STATISTICS) {
    store_moments(block, k, moments);
  }
}
