// Last part of a Winograd convolution: z = A^T m A for every tile's products m, and what follows the sum in registers.
//
//   output = what shared/convolution_output.wgsl makes of z and, for ADJUST, of the window sums
//
// products     [BATCH * TILE_ROWS * TILE_COLUMNS, WINDOW * WINDOW, GROUP_OUT]
// window_sums  read with ADJUST or ADD_SUMS
// The other bindings are those of shared/convolution_output.wgsl.
// Grid: one thread THREAD_TILES tiles and a vector of output channels, 64 a workgroup.
// Limits: GROUPS is 1.
@group(0) @binding(0) var<storage, read_write> products: array<Vector>;

const TILES = BATCH * TILE_ROWS * TILE_COLUMNS;

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
    let base = tile * WINDOW * WINDOW * OUT_VECTORS + k;
    var rows: array<array<Vector, TILE>, WINDOW>;
    /* unroll */ for (var i = 0u; i < WINDOW; i++) {
      var m: array<Vector, WINDOW>;
      /* unroll */ for (var j = 0u; j < WINDOW; j++) {
        m[j] = products[base + (i * WINDOW + j) * OUT_VECTORS];
      }
      rows[i] = transform_output(m);
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
          var sum = 0.0;
          if (ADJUST != 0u) {
            sum = window_sums[pixel];
          }
          let stored = store_output(pixel, 0u, k, values[i], sum, terms);
          if (STATISTICS) {
            moments = with_value(moments, stored);
          }
        }
      }
    }
  }
  if (STATISTICS) {
    store_moments(block, k, moments);
  }
}
