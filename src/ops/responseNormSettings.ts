import { type ErrorPlace, refusal, requireInteger } from './windows.js';

/** By what a local response norm divides: `(k + alpha / size * sum of squares)^beta` over `size` channels around. */
export interface ResponseNormOptions {
  /** Channels of a neighbourhood: the channel, `size / 2` ahead of it and `(size - 1) / 2` behind, both rounded down. */
  readonly size: number;
  /** Factor of the mean of squares, from 0. */
  readonly alpha: number;
  /** The power, from 0. */
  readonly beta: number;
  /** Added to the mean of squares; above 0. */
  readonly k: number;
}

/**
 * Checks the settings of a response norm.
 *
 * @throws ShapeError for a size that is no positive integer, and numbers that are none of float32 from 0 up, `k` above it.
 */
export function checkResponseNorm({ size, alpha, beta, k }: ResponseNormOptions, place: ErrorPlace): void {
  requireInteger(size, 1, 'size', place);
  for (const [name, value] of Object.entries({ alpha, beta, k })) {
    const stored = Math.fround(value);
    if (Number.isFinite(stored) && (stored > 0 || (value === 0 && name !== 'k'))) continue;
    throw refusal(place, name, name === 'k' ? 'a positive number' : 'a number from 0 up', String(value));
  }
}
