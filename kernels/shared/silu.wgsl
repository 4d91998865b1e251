// SiLU, also called swish: x / (1 + exp(-x)), from exp(-|x|), which does not overflow. Keeps NaN. Below -104 the sigmoid is 0,
// which infinity must not meet.
fn activate(value: Vector) -> Vector {
  let power = exp(-abs(value));
  let sigmoid = select(power, splat(1.0), value > Vector()) / (1.0 + power);
  return max(value, splat(-128.0)) * sigmoid;
}

fn activation_gradient(gradient: Vector, value: Vector) -> Vector {
  let power = exp(-abs(value));
  let sigmoid = select(power, splat(1.0), value > Vector()) / (1.0 + power);
  let slope = power / ((1.0 + power) * (1.0 + power));
  return gradient * (sigmoid + clamp(value, splat(-128.0), splat(128.0)) * slope);
}
