/** A mean difference and its 95 % interval. */
export interface DifferenceEstimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** 97.5 % quantiles of Student's t by degrees of freedom, from 1 up. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const normalQuantile = 1.96;

/**
 * The mean of `one[i] - other[i]` over pairs, with its 95 % interval by Student's t, which takes the differences as normal. A
 * single pair tells nothing of its spread: its interval is without bounds.
 */
export function pairedDifference(one: readonly number[], other: readonly number[]): DifferenceEstimate {
  const differences = one.map((value, pair) => value - other[pair]!);
  const pairs = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / pairs;
  if (pairs < 2) return { mean, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (pairs - 1);
  const reach = (quantiles[pairs - 2] ?? normalQuantile) * Math.sqrt(variance / pairs);
  return { mean, low: mean - reach, high: mean + reach };
}
