import { LimitError } from '../errors.js';

/**
 * Memory of the host for something whose size was asked for by a caller or a file.
 *
 * @param what it is for, in the error
 * @throws LimitError where there is none
 */
export function allocate(bytes: number, operation: string, what: string): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    throw new LimitError(
      { operation, parameter: 'memory', expected: `${bytes} bytes for ${what}`, got: 'less' },
      { cause },
    );
  }
}
