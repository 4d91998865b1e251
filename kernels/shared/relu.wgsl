// ReLU, bounded above by RELU_MAXIMUM where that is not 0 (6 for ReLU6). Keeps NaN.
fn activate(value: Vector) -> Vector {
  var result = rectify(value);
  if (RELU_MAXIMUM > 0.0) {
    result = select(result, splat(RELU_MAXIMUM), result > splat(RELU_MAXIMUM));
  }
  return result;
}

// The gradient where ReLU passed its input, which its output tells: between the bounds.
fn activation_gradient(gradient: Vector, value: Vector) -> Vector {
  var passed = value > Vector();
  if (RELU_MAXIMUM > 0.0) {
    passed = passed & (value < splat(RELU_MAXIMUM));
  }
  return select(Vector(), gradient, passed);
}
