import { requireInteger } from './checks.js';

/** Numbers that depend on a seed, keys and how many were drawn before, on nothing else. */
export interface RandomStream {
  /** An integer from 0 to 2^32 - 1. */
  next(): number;
  /** A number from 0 up to but not 1, in steps of 2^-32. */
  uniform(): number;
  /** An integer from 0 to limit - 1, for limits up to 2^32; no value is favoured by more than limit / 2^32. */
  below(limit: number): number;
}

/** 2^32 divided by the golden ratio: keeps 0, which `mix` leaves alone, from being a fixed point. */
const golden = 0x9e3779b9;

/** The finaliser of MurmurHash3: a bijection of 32 bits in which every input bit sways every output bit. */
function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/**
 * A hash of integers, their order and their number, from 0 to 2^32 - 1. Integers count modulo 2^32.
 */
export function hash32(...words: readonly number[]): number {
  return words.reduce((state, word) => mix((state ^ word) + golden), words.length);
}

/**
 * A counter-based generator: the stream of a seed and keys can be had at any time, without the draws before it.
 *
 * @param seed an integer, modulo 2^32
 * @param keys integers, modulo 2^32, that tell this stream from the others of the seed
 */
export function randomStream(seed: number, ...keys: readonly number[]): RandomStream {
  const state = hash32(seed, ...keys);
  let counter = 0;
  const next = () => mix(mix(golden + counter++) ^ state);
  const uniform = () => next() / 2 ** 32;
  return { next, uniform, below: (limit) => Math.floor(uniform() * limit) };
}

/**
 * The integers from 0 to count - 1 in an order that depends on seed and epoch (Fisher-Yates).
 *
 * @throws ShapeError where `count` is not an integer from 0 up
 */
export function shuffledOrder(count: number, seed: number, epoch: number): Uint32Array {
  requireInteger('shuffledOrder', 'count', count, 0);
  const random = randomStream(seed, epoch);
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const moved = order[last]!;
    order[last] = order[other]!;
    order[other] = moved;
  }
  return order;
}
