// Hard sigmoid: SLOPE x + 1/2 between 0 and 1. Keeps NaN.
fn activate(value: Vector) -> Vector {
  let line = SLOPE * value + 0.5;
  return select(select(line, splat(1.0), line > splat(1.0)), Vector(), line < Vector());
}

fn activation_gradient(gradient: Vector, value: Vector) -> Vector {
  let line = SLOPE * value + 0.5;
  return select(Vector(), SLOPE * gradient, (line > Vector()) & (line < splat(1.0)));
}
