// Channels read 1 at a time.
alias Vector = f32;
const VECTOR = 1u;

fn splat(value: f32) -> Vector {
  return Vector(value);
}

fn vector_sum(value: Vector) -> f32 {
  return value;
}

fn components(vector: Vector) -> array<f32, VECTOR> {
  return array<f32, VECTOR>(vector);
}

fn set_component(vector: Vector, index: u32, value: f32) -> Vector {
  return value;
}

// Keeps NaN, which max() may swallow.
fn rectify(value: Vector) -> Vector {
  return select(value, Vector(), value < Vector());
}
