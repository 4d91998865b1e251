// Whether four values are all finite, by their bits: a compiler may take comparisons as if there were no NaN.
fn all_finite(values: vec4<f32>) -> bool {
  return all((bitcast<vec4<u32>>(values) & vec4(0x7f800000u)) != vec4(0x7f800000u));
}
