// Hyperbolic tangent, within 3 units in the last place where exp() is right: from exp(-2|x|), which does not overflow, and near 0,
// where that would cancel, by a polynomial. WGSL's own may be off by a hundred of them, and NaN for large values. Keeps NaN.
fn activate(value: Vector) -> Vector {
  let power = exp(-2.0 * abs(value));
  let far = 1.0 - 2.0 * power / (1.0 + power);
  let square = value * value;
  var near = -5.70498872745e-3 * square + 2.06390887954e-2;
  near = near * square - 5.37397155531e-2;
  near = near * square + 1.33314422036e-1;
  near = near * square - 3.33332819422e-1;
  near = near * square * value + value;
  return select(select(far, -far, value < Vector()), near, abs(value) < splat(0.625));
}

fn activation_gradient(gradient: Vector, value: Vector) -> Vector {
  let power = exp(-2.0 * abs(value));
  return gradient * (4.0 * power / ((1.0 + power) * (1.0 + power)));
}
