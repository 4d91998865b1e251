import { FormatError, ShapeError } from '../errors.js';

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

/**
 * Has what is about to be written read as its reader does, so that nothing is written that cannot be read again.
 *
 * @throws ShapeError in the words of the reader's FormatError
 */
export function requireReadable(operation: string, read: () => unknown): void {
  try {
    read();
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    const { parameter, expected, got } = cause;
    throw new ShapeError({ operation, parameter, expected, got }, { cause });
  }
}
