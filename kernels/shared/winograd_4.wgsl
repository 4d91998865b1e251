// Winograd's transforms for tiles of 4 outputs and a filter of 3 (Lavin and Gray, 2015, points 0, 1, -1, 2, -2).
const TILE = 4u;
const WINDOW = 6u;

// B^T d: six neighbouring inputs.
fn transform_input(d: array<Vector, 6>) -> array<Vector, 6> {
  let even = d[4] - 4.0 * d[2];
  let odd = d[3] - 4.0 * d[1];
  let inner = d[4] - d[2];
  let outer = 2.0 * (d[3] - d[1]);
  return array<Vector, 6>(
    4.0 * d[0] - 5.0 * d[2] + d[4],
    even + odd,
    even - odd,
    inner + outer,
    inner - outer,
    4.0 * d[1] - 5.0 * d[3] + d[5],
  );
}

// G g: three neighbouring filter weights.
fn transform_filter(g: array<Vector, 3>) -> array<Vector, 6> {
  let ends = g[0] + g[2];
  let wide = g[0] + 4.0 * g[2];
  return array<Vector, 6>(
    g[0] / 4.0,
    (ends + g[1]) / -6.0,
    (ends - g[1]) / -6.0,
    (wide + 2.0 * g[1]) / 24.0,
    (wide - 2.0 * g[1]) / 24.0,
    g[2],
  );
}

// A^T m: the four outputs.
fn transform_output(m: array<Vector, 6>) -> array<Vector, 4> {
  let near = m[1] + m[2];
  let near_difference = m[1] - m[2];
  let far = m[3] + m[4];
  let far_difference = m[3] - m[4];
  return array<Vector, 4>(
    m[0] + near + far,
    near_difference + 2.0 * far_difference,
    near + 4.0 * far,
    near_difference + 8.0 * far_difference + m[5],
  );
}

// A^T (u o m), u = G (1, 1, 1): the four outputs of a filter that is 1 throughout.
fn transform_sums(m: array<Vector, 6>) -> array<Vector, 4> {
  return transform_output(array<Vector, 6>(0.25 * m[0], -0.5 * m[1], m[2] / -6.0, m[3] * 7.0 / 24.0, 0.125 * m[4], m[5]));
}
