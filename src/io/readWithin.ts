import { readFile, stat } from 'node:fs/promises';
import { LimitError } from '../errors.js';

/**
 * A whole file, where it is not larger than it may be.
 *
 * @param mostBytes that are read
 * @param advice behind the limit in the error: how to raise it
 * @throws LimitError for a larger file, and what the file system says
 */
export async function readWithin(
  path: string,
  mostBytes: number,
  operation: string,
  advice = '',
): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await stat(path);
  if (size <= mostBytes) return readFile(path);
  const expected = `a file of at most ${mostBytes} bytes${advice}`;
  throw new LimitError({ operation, parameter: path, expected, got: `${size}` });
}
