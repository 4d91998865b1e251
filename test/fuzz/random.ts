import { mix32 } from '../support/random.js';

/** A stream of choices, the same ones for the same seed. */
export interface Random {
  /** A whole number from 0 up to, but not including, `limit`. */
  below(limit: number): number;
  /** True in so many cases of all. */
  chance(share: number): boolean;
  /** One of a list that is not empty. */
  pick<Item>(list: readonly Item[]): Item;
}

export function randomOf(seed: number): Random {
  let index = 0;
  const share = (): number => mix32(index++, seed) / 2 ** 32;
  const below = (limit: number): number => Math.floor(share() * limit);
  return { below, chance: (part) => share() < part, pick: (list) => list[below(list.length)]! };
}
