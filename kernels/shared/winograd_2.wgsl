// Winograd's transforms for tiles of 2 outputs and a filter of 3 (Lavin and Gray, 2015, points 0, 1, -1).
const TILE = 2u;
const WINDOW = 4u;

// B^T d: four neighbouring inputs.
fn transform_input(d: array<Vector, 4>) -> array<Vector, 4> {
  return array<Vector, 4>(d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]);
}

// G g: three neighbouring filter weights.
fn transform_filter(g: array<Vector, 3>) -> array<Vector, 4> {
  let ends = g[0] + g[2];
  return array<Vector, 4>(g[0], (ends + g[1]) / 2.0, (ends - g[1]) / 2.0, g[2]);
}

// A^T m: the two outputs.
fn transform_output(m: array<Vector, 4>) -> array<Vector, 2> {
  return array<Vector, 2>(m[0] + m[1] + m[2], m[1] - m[2] - m[3]);
}

// A^T (u o m), u = G (1, 1, 1): the two outputs of a filter that is 1 throughout.
fn transform_sums(m: array<Vector, 4>) -> array<Vector, 2> {
  return transform_output(array<Vector, 4>(m[0], 1.5 * m[1], 0.5 * m[2], m[3]));
}
