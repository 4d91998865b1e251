// Channels read 4 at a time.
alias Vector = vec4<f32>;
const VECTOR = 4u;

fn splat(value: f32) -> Vector {
  return Vector(value);
}

fn vector_sum(value: Vector) -> f32 {
  return (value.x + value.y) + (value.z + value.w);
}

fn components(vector: Vector) -> array<f32, VECTOR> {
  return array<f32, VECTOR>(vector.x, vector.y, vector.z, vector.w);
}

fn set_component(vector: Vector, index: u32, value: f32) -> Vector {
  var copy = vector;
  copy[index] = value;
  return copy;
}

// Keeps NaN, which max() may swallow.
fn rectify(value: Vector) -> Vector {
  return select(value, Vector(), value < Vector());
}
