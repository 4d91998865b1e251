// The filters of a Winograd convolution: destination = G g G^T for every pair of input and output channel.
//
// filters      [3, 3, IN_CHANNELS, OUT_CHANNELS], or with TURNED [3, 3, OUT_CHANNELS, IN_CHANNELS], read from the last tap to the
//              first
// destination  [IN_CHANNELS, WINDOW * WINDOW, OUT_CHANNELS], overwritten: the filters of a 1x1 convolution whose groups are
//              the elements of the window
// Grid: one thread an input channel and vector of output channels, 64 a workgroup. Neighbouring threads have neighbouring filters.
@group(0) @binding(0) var<storage, read_write> filters: array<FilterRead>;

const OUT_VECTORS = OUT_CHANNELS / VECTOR;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = workgroup_index(workgroup) * 64u + local;
  if (index >= IN_CHANNELS * OUT_VECTORS) {
    return;
  }
  let c = select(index / OUT_VECTORS, index % IN_CHANNELS, TURNED);
  let v = select(index % OUT_VECTORS, index / IN_CHANNELS, TURNED);
  var rows: array<array<Vector, WINDOW>, 3>;
  /* unroll */ for (var r = 0u; r < 3u; r++) {
    var g: array<Vector, 3>;
    /* unroll */ for (var s = 0u; s < 3u; s++) {
      let tap = r * 3u + s;
      if (TURNED) {
        /* unroll */ for (var e = 0u; e < VECTOR; e++) {
          g[s] = set_component(g[s], e, Read(filters[((8u - tap) * OUT_CHANNELS + v * VECTOR + e) * IN_CHANNELS + c]));
        }
      } else {
        g[s] = Vector(filters[(tap * IN_CHANNELS + c) * OUT_VECTORS + v]);
      }
    }
    rows[r] = transform_filter(g);
  }
  let base = c * WINDOW * WINDOW * OUT_VECTORS + v;
  /* unroll */ for (var j = 0u; j < WINDOW; j++) {
    let values = transform_filter(array<Vector, 3>(rows[0][j], rows[1][j], rows[2][j]));
    /* unroll */ for (var i = 0u; i < WINDOW; i++) {
      store(base + (i * WINDOW + j) * OUT_VECTORS, values[i]);
    }
  }
}
