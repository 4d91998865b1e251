/** Unit roundoff of float32. */
const epsilon = 2 ** -24;

/**
 * How far apart two float32 sums of `terms` products within [-1, 1] may be. Their rounding errors grow as the partial sums
 * do: about epsilon terms / 4 is the typical one, five times that the largest of millions. A Winograd transform multiplies
 * it by up to ten; a wrong border or tap is off by whole products, 1 / (terms epsilon) times as much.
 */
export function sumTolerance(terms: number): number {
  return 32 * terms * epsilon;
}

/**
 * How far apart two float32 runs of a network may be, as a share of the largest logit: what its layers' sums of these
 * lengths round, added up.
 */
export function networkTolerance(lengths: readonly number[]): number {
  return 32 * epsilon * lengths.reduce((sum, length) => sum + Math.sqrt(length), 0);
}

/** Two results that should agree do not. */
export class MismatchError extends Error {
  override name = 'MismatchError';
}

/**
 * Holds one result to another.
 *
 * @param tolerance - largest absolute difference
 * @throws MismatchError naming the worst element; what is not a number is never within.
 */
export function checkSame(ours: ArrayLike<number>, other: ArrayLike<number>, tolerance: number): void {
  if (ours.length !== other.length) {
    throw new MismatchError(`results differ in size: ${ours.length} and ${other.length} elements`);
  }
  let worst = 0;
  let at = 0;
  for (let i = 0; i < ours.length; i++) {
    const distance = Math.abs(ours[i]! - other[i]!);
    if (distance <= worst) continue;
    [worst, at] = [distance, i];
    if (Number.isNaN(distance)) break;
  }
  if (worst <= tolerance) return;
  throw new MismatchError(
    `results differ: ${ours[at]} and ${other[at]} at [${at}], further apart than ${tolerance.toPrecision(3)}`,
  );
}

/** The largest absolute value. */
export function magnitude(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}
