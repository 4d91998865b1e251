/** Unit roundoff of float32: the largest relative error of one rounding. */
export const EPSILON = 2 ** -24;
/** Unit roundoff of float16: the largest relative error of one rounding of a value that is not subnormal. */
export const HALF_EPSILON = 2 ** -11;

const shares: { what: string; share: number }[] = [];

/**
 * The rounding error allowed a sum in float32: its number of terms times EPSILON times the sum of their absolute values.
 *
 * @param magnitude that sum for every element, as the references' magnitude functions give it
 */
export function summationBound(terms: number, magnitude: ArrayLike<number>): Float64Array {
  return new Float64Array(magnitude).map((value) => terms * EPSILON * value);
}

/**
 * Holds every element to its bound.
 *
 * @param bound largest absolute error, one for all or one an element
 * @returns the worst error as a share of its bound
 * @throws Error on a length that differs, on a value that is not finite where a finite one is expected, and on an
 * element above its bound; names the worst one
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: number | ArrayLike<number>,
  what: string,
): number {
  if (actual.length !== expected.length) {
    throw new Error(`${what}: ${expected.length} elements expected, got ${actual.length}`);
  }
  if (typeof bound !== 'number' && bound.length !== expected.length) {
    throw new Error(`${what}: ${bound.length} bounds for ${expected.length} elements`);
  }
  const boundAt = (i: number) => (typeof bound === 'number' ? bound : bound[i]!);
  let worst = 0;
  let worstIndex = 0;
  let failures = 0;
  for (let i = 0; i < expected.length; i++) {
    const share = errorShare(actual[i]!, expected[i]!, boundAt(i));
    if (share > 1) failures++;
    if (share > worst) [worst, worstIndex] = [share, i];
  }
  shares.push({ what, share: worst });
  if (failures > 0) {
    throw new Error(
      `${what}: ${failures} of ${expected.length} elements out of bounds, worst at [${worstIndex}]: ` +
        `${expected[worstIndex]} expected within ${boundAt(worstIndex)}, got ${actual[worstIndex]}`,
    );
  }
  return worst;
}

/** What every comparison so far used of its bound, a line each, the closest to failing first. */
export function reportShares(): string {
  return [...shares]
    .sort((a, b) => b.share - a.share)
    .map(({ what, share }) => `${share.toFixed(4)}  ${what}`)
    .join('\n');
}

/** Infinite where a value is missing, so that nothing compares as close by accident. */
function errorShare(actual: number, expected: number, bound: number): number {
  if (Number.isNaN(actual) || Number.isNaN(expected) || Number.isNaN(bound)) return Number.POSITIVE_INFINITY;
  if (actual === expected) return 0;
  const error = Math.abs(actual - expected);
  return Number.isFinite(error) && bound > 0 ? error / bound : Number.POSITIVE_INFINITY;
}
