import { randomStream } from '../io/random.js';

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

export interface RatioEstimate {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

const resamples = 2000;

/**
 * The ratio of the medians of paired samples, `numerator[i]` taken next to `denominator[i]`, and its 95 % interval: the
 * middle of bootstrap resamples of the pairs, drawn alike on every call.
 */
export function ratioOfMedians(numerator: readonly number[], denominator: readonly number[]): RatioEstimate {
  const pairs = numerator.length;
  const random = randomStream(1);
  const ratios = Array.from({ length: resamples }, () => {
    const drawn = Array.from({ length: pairs }, () => Math.floor(random.uniform() * pairs));
    return median(drawn.map((pair) => numerator[pair]!)) / median(drawn.map((pair) => denominator[pair]!));
  }).sort((a, b) => a - b);
  return {
    ratio: median(numerator) / median(denominator),
    low: ratios[Math.floor(0.025 * resamples)]!,
    high: ratios[Math.ceil(0.975 * resamples) - 1]!,
  };
}
