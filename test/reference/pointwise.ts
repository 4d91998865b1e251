/** max(x, 0), NaN kept. */
export function reluReference(x: ArrayLike<number>): Float64Array {
  return new Float64Array(x).map((value) => Math.max(value, 0));
}

/** dy where x > 0; 0 at x = 0. */
export function reluBackwardReference(x: ArrayLike<number>, dy: ArrayLike<number>): Float64Array {
  return new Float64Array(dy).map((value, i) => (x[i]! > 0 ? value : 0));
}

export function addReference(left: ArrayLike<number>, right: ArrayLike<number>): Float64Array {
  return new Float64Array(left).map((value, i) => value + right[i]!);
}

/** Both addends receive dy. */
export function addBackwardReference(dy: ArrayLike<number>): [dLeft: Float64Array, dRight: Float64Array] {
  return [new Float64Array(dy), new Float64Array(dy)];
}
