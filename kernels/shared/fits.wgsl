// Whether a finished sum is finite and what is stored of it within `largest`, by their bits: a compiler may take comparisons as if
// there were no NaN. A sum of float16 products may overflow where what is stored of it, behind a ReLU, does not.
const LARGEST_HALF = 0x477fe000u;

fn fits(sum: Vector, value: Vector, largest: u32) -> bool {
  let sums = components(sum);
  let values = components(value);
  var all = true;
  /* unroll */ for (var i = 0u; i < VECTOR; i++) {
    all = all & ((bitcast<u32>(sums[i]) & 0x7f800000u) != 0x7f800000u);
    all = all & ((bitcast<u32>(values[i]) & 0x7fffffffu) <= largest);
  }
  return all;
}
