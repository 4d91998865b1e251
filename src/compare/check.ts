import type { Precision } from '../ops/precision.js';

/** Unit roundoff of float32. */
const epsilon = 2 ** -24;
/** Of float16. */
const halfEpsilon = 2 ** -11;

/**
 * How far apart two float32 sums of `terms` products within [-1, 1] may be. Their rounding errors grow as the partial sums
 * do: about epsilon terms / 4 is the typical one, five times that the largest of millions. A Winograd transform multiplies
 * it by up to ten; a wrong border or tap is off by whole products, 1 / (terms epsilon) times as much. In float16 operands, parts of
 * a sum and results are rounded, each sum of which grows as the root of its terms does; a wrong tap is off by a whole share of it.
 */
export function sumTolerance(terms: number, precision: Precision = 'float32'): number {
  return precision === 'float16' ? 16 * Math.sqrt(terms) * halfEpsilon : 32 * terms * epsilon;
}

/**
 * How far apart two runs of a network may be, as a share of the largest logit: what its layers' sums of these lengths round, added
 * up. In float16 it is what each layer rounds as it stores, whose signs differ from layer to layer.
 */
export function networkTolerance(lengths: readonly number[], precision: Precision = 'float32'): number {
  if (precision === 'float16') return 8 * halfEpsilon * Math.sqrt(lengths.length);
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
