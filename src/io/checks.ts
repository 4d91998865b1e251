import { ShapeError } from '../errors.js';

/**
 * Refuses a number that is not an integer from `minimum` up.
 *
 * @throws ShapeError naming the operation and parameter
 */
export function requireInteger(operation: string, parameter: string, value: number, minimum: number): void {
  if (Number.isSafeInteger(value) && value >= minimum) return;
  throw new ShapeError({ operation, parameter, expected: `an integer from ${minimum} up`, got: `${value}` });
}

/**
 * Refuses a buffer of the wrong number of elements.
 *
 * @throws ShapeError naming the operation and parameter
 */
export function requireLength(operation: string, parameter: string, buffer: { length: number }, length: number): void {
  if (buffer.length === length) return;
  throw new ShapeError({ operation, parameter, expected: `${length} elements`, got: `${buffer.length}` });
}
