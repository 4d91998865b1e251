// Between which pixels of an image a pixel of the enlarged one lies along an axis: `share` of the second, the rest of the first.
struct Between {
  first: u32,
  second: u32,
  share: f32,
}

// Fractions are of whole numbers, rounded once. Pixels are areas, and those beyond the first or last centre are that pixel; with
// ALIGN_CORNERS they are points, and the outermost ones stay where they are. Without BILINEAR there is the nearest one alone.
fn between(place: u32, size: u32, factor: u32) -> Between {
  var steps = place;
  var unit = factor;
  if (BILINEAR) {
    if (ALIGN_CORNERS) {
      steps = place * (size - 1u);
      unit = max(size * factor, 2u) - 1u;
    } else {
      steps = max(2u * place + 1u, factor) - factor;
      unit = 2u * factor;
    }
  }
  let first = steps / unit;
  let share = select(0.0, f32(steps % unit) / f32(unit), BILINEAR);
  return Between(first, min(first + 1u, size - 1u), share);
}
