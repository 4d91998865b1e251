import { NumericError } from '../errors.js';
import type { NetworkState } from '../graph/state.js';

/** How many of the steps submitted are good: those ahead of the first that the status has noted. */
export function goodSteps(status: ArrayBuffer, submitted: number): number {
  const [noted] = new Uint32Array(status);
  return noted === 0 ? submitted : Math.min(submitted, noted! - 1);
}

/** What a status notes of an update, and of a value that does not fit into float16. */
const ofUpdate = 0xffffffff;
const ofHalf = 0xfffffffe;

/** What a status says went wrong. */
export function failure({ layout }: NetworkState, status: ArrayBuffer, loss: number): NumericError {
  const [noted, what] = new Uint32Array(status) as unknown as [number, number];
  const advice = 'a lower learning rate or gradient clipping may help';
  const error = (name: string, expected: string, got: string): NumericError =>
    new NumericError({
      operation: 'train',
      parameter: `${name} of step ${noted - 1}`,
      expected: `${expected}; ${advice}`,
      got,
    });
  if (what === ofHalf) return error('values', 'what float16 holds, up to 65504', 'larger ones at a loss scale of 1');
  if (what === 0) return error('loss', 'a finite number', `${loss}`);
  const statistic = layout.statistics.findLast(({ offset }) => offset < what)?.name;
  return error(what === ofUpdate ? 'update' : statistic!, 'finite numbers', 'NaN or infinity');
}
