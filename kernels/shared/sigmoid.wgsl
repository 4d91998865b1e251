// Sigmoid: 1 / (1 + exp(-x)), from exp(-|x|), which does not overflow. Keeps NaN.
fn activate(value: Vector) -> Vector {
  let power = exp(-abs(value));
  return select(power, splat(1.0), value > Vector()) / (1.0 + power);
}

fn activation_gradient(gradient: Vector, value: Vector) -> Vector {
  let power = exp(-abs(value));
  return gradient * (power / ((1.0 + power) * (1.0 + power)));
}
