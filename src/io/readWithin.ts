import { readFile, stat } from 'node:fs/promises';
import { LimitError } from '../errors.js';
import { withFile } from './fileError.js';

/**
 * A whole file, where it is not larger than it may be.
 *
 * @param mostBytes that are read
 * @param advice behind the limit in the error: how to raise it
 * @throws LimitError for a larger file, FileError for one that cannot be read
 */
export function readWithin(
  path: string,
  mostBytes: number,
  operation: string,
  advice = '',
): Promise<Uint8Array<ArrayBuffer>> {
  return withFile({ operation, path, expected: 'a file that can be read' }, async () => {
    const { size } = await stat(path);
    if (size <= mostBytes) return readFile(path);
    const expected = `a file of at most ${mostBytes} bytes${advice}`;
    throw new LimitError({ operation, parameter: path, expected, got: `${size}` });
  });
}
