/** max(x, 0), at most `maximum`; NaN kept. */
export function reluReference(x: ArrayLike<number>, maximum = Infinity): Float64Array {
  return new Float64Array(x).map((value) => Math.min(Math.max(value, 0), maximum));
}

/** dy where 0 < x < maximum; 0 at the bounds. */
export function reluBackwardReference(x: ArrayLike<number>, dy: ArrayLike<number>, maximum = Infinity): Float64Array {
  return new Float64Array(dy).map((value, i) => (x[i]! > 0 && x[i]! < maximum ? value : 0));
}

export function addReference(left: ArrayLike<number>, right: ArrayLike<number>): Float64Array {
  return new Float64Array(left).map((value, i) => value + right[i]!);
}

/** Both addends receive dy. */
export function addBackwardReference(dy: ArrayLike<number>): [dLeft: Float64Array, dRight: Float64Array] {
  return [new Float64Array(dy), new Float64Array(dy)];
}

/** Rows of [rows, counts[i]] side by side: [rows, sum of the counts]. */
export function concatReference(inputs: readonly ArrayLike<number>[], counts: readonly number[]): Float64Array {
  const rows = inputs[0]!.length / counts[0]!;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const y = new Float64Array(rows * total);
  let first = 0;
  inputs.forEach((x, index) => {
    const count = counts[index]!;
    for (let i = 0; i < x.length; i++) y[Math.floor(i / count) * total + first + (i % count)] = x[i]!;
    first += count;
  });
  return y;
}

/** Every input receives its columns of dy. */
export function concatBackwardReference(dy: ArrayLike<number>, counts: readonly number[]): Float64Array[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const rows = dy.length / total;
  let first = 0;
  return counts.map((count) => {
    const start = first;
    first += count;
    return Float64Array.from(
      { length: rows * count },
      (_, i) => dy[Math.floor(i / count) * total + start + (i % count)]!,
    );
  });
}

/** exp(x) / sum of exp(x) over every row of [rows, channels]. */
export function softmaxReference(x: ArrayLike<number>, channels: number): Float64Array {
  const values = new Float64Array(x);
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += channels) {
    const largest = Math.max(...values.subarray(row, row + channels));
    const powers = values.subarray(row, row + channels).map((value) => Math.exp(value - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    y.set(
      powers.map((power) => power / total),
      row,
    );
  }
  return y;
}
