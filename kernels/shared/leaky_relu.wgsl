// Leaky ReLU: x where it is positive, else SLOPE x. Keeps NaN.
fn activate(value: Vector) -> Vector {
  return select(value, SLOPE * value, value < Vector());
}

fn activation_gradient(gradient: Vector, value: Vector) -> Vector {
  return select(SLOPE * gradient, gradient, value > Vector());
}
