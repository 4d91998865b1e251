import { type DifferenceEstimate, pairedDifference } from '../../src/measure/pairedDifference.js';
import { bootstrapInterval, signTest } from '../../src/measure/resampling.js';

/** How a network differs from the plain one, over seeds that both were trained with. */
export interface Comparison {
  /** The mean difference and its 95 % interval by Student's t. */
  readonly estimate: DifferenceEstimate;
  /** The same interval by resampling. */
  readonly bootstrap: { readonly low: number; readonly high: number };
  /** How many seeds are below the plain network, how many above, and how likely signs so uneven are by chance. */
  readonly signs: { readonly below: number; readonly above: number; readonly p: number };
}

/** Compares values pair by pair. */
export function compare(own: readonly number[], plain: readonly number[]): Comparison {
  const differences = own.map((value, pair) => value - plain[pair]!);
  return {
    estimate: pairedDifference(own, plain),
    bootstrap: bootstrapInterval(differences),
    signs: signTest(differences),
  };
}

const fewestSeeds = 8;
const seedsBetweenLooks = 4;

/**
 * Whether a comparison may end before all seeds are through: looked at behind 8, 12, 16 ... seeds, its interval does not hold 0. Who
 * looks more often finds something by chance more often, so that the looks share the 5 %: each interval is the wider the more of
 * them there are.
 *
 * @param most - seeds at most
 */
export function isDecided(own: readonly number[], plain: readonly number[], most: number): boolean {
  const seeds = own.length;
  if (seeds < fewestSeeds || (seeds - fewestSeeds) % seedsBetweenLooks !== 0) return false;
  const looks = Math.floor((most - fewestSeeds) / seedsBetweenLooks) + 1;
  const { low, high } = pairedDifference(own, plain, 1 - 0.05 / looks);
  return low > 0 || high < 0;
}
