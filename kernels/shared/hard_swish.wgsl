// Hard swish: x times (x + 3) / 6 between 0 and 1. Keeps NaN. Nothing is below -3, where infinity would meet 0.
fn activate(value: Vector) -> Vector {
  let gate = min(value + 3.0, splat(6.0)) * (1.0 / 6.0);
  return select(value * gate, Vector(), value < splat(-3.0));
}

fn activation_gradient(gradient: Vector, value: Vector) -> Vector {
  let inner = value * (1.0 / 3.0) + 0.5;
  let slope = select(inner, splat(1.0), value > splat(3.0));
  return select(gradient * slope, Vector(), value < splat(-3.0));
}
