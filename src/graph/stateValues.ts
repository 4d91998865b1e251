import type { ParameterSpec } from './parameters.js';

/** The first value of an entry that no state may have, and what would have been right. */
export interface ValueFault {
  /** Its index. */
  readonly element: number;
  readonly expected: string;
  readonly got: string;
}

/**
 * Looks for what neither a file nor a state that goes into one may hold: a value that is not finite, a variance below 0, a
 * count that is none.
 */
export function findFault({ role }: Pick<ParameterSpec, 'role'>, values: Float32Array): ValueFault | undefined {
  const counts = role === 'batchesTracked';
  const least = counts || role === 'runningVariance' ? 0 : Number.NEGATIVE_INFINITY;
  for (let element = 0; element < values.length; element++) {
    const value = values[element]!;
    if (value >= least && Number.isFinite(value) && (!counts || Number.isSafeInteger(value))) continue;
    const expected = least === 0 ? 'a finite number from 0 up' : 'a finite number';
    return { element, expected: counts ? 'a count' : expected, got: `${value}` };
  }
  return undefined;
}
