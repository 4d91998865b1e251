import { randomStream } from '../io/random.js';

const resamples = 10_000;

/** The 95 % interval of a mean that takes nothing for granted but the values: the middle of means of values drawn from them. */
export function bootstrapInterval(values: readonly number[]): { readonly low: number; readonly high: number } {
  const random = randomStream(1);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw++) sum += values[random.below(values.length)]!;
    return sum / values.length;
  }).sort();
  return { low: means[Math.floor(0.025 * resamples)]!, high: means[Math.ceil(0.975 * resamples) - 1]! };
}

/**
 * How likely signs as uneven as those of the differences, or more, are by chance alone: the two-sided sign test, which takes no
 * difference for larger than another. Zeros do not count.
 */
export function signTest(differences: readonly number[]): {
  readonly below: number;
  readonly above: number;
  readonly p: number;
} {
  const below = differences.filter((value) => value < 0).length;
  const above = differences.filter((value) => value > 0).length;
  const count = below + above;
  let tail = 0;
  let ways = 1;
  for (let few = 0; few <= Math.min(below, above); few++) {
    tail += ways / 2 ** count;
    ways = (ways * (count - few)) / (few + 1);
  }
  return { below, above, p: Math.min(1, 2 * tail) };
}
