import { expect } from 'vitest';
import type { ICError } from '../../src/errors.js';

/** Expects `act` to throw an error of this class that names this operation and parameter and what it got. */
export function expectError(
  act: () => unknown,
  errorClass: new (...values: never[]) => ICError,
  named: Partial<Pick<ICError, 'operation' | 'parameter' | 'expected' | 'got'>>,
): void {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(errorClass);
  expect(thrown).toMatchObject(named);
}
