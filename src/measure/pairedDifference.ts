import { studentQuantile } from './student.js';

/** A mean difference and its interval, of 95 % unless said otherwise. */
export interface DifferenceEstimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The mean of `one[i] - other[i]` over pairs, with its interval by Student's t, which takes the differences as normal. A single pair
 * tells nothing of its spread: its interval is without bounds.
 *
 * @param share - of such intervals that hold the true mean
 */
export function pairedDifference(one: readonly number[], other: readonly number[], share = 0.95): DifferenceEstimate {
  const differences = one.map((value, pair) => value - other[pair]!);
  const pairs = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / pairs;
  if (pairs < 2) return { mean, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (pairs - 1);
  const reach = studentQuantile(share, pairs - 1) * Math.sqrt(variance / pairs);
  return { mean, low: mean - reach, high: mean + reach };
}
