import { open } from 'node:fs/promises';
import type { ByteSource } from './byteSource.js';
import { FileError, withFile } from './fileError.js';

/**
 * Opens a file on disk for reading in pieces.
 *
 * @throws FileError where it is not there, is a folder, or must not be read; so does reading it
 */
export async function openFile(path: string): Promise<ByteSource> {
  const use = { operation: 'openFile', path, expected: 'a file that can be read' };
  const file = await withFile(use, () => open(path));
  const found = await file.stat();
  if (found.isDirectory()) {
    await file.close();
    throw new FileError({ operation: use.operation, parameter: path, expected: use.expected, got: 'a folder' });
  }
  return {
    name: path,
    size: found.size,
    read: (offset, target) =>
      withFile(use, async () => {
        let filled = 0;
        while (filled < target.length) {
          const { bytesRead } = await file.read(target, filled, target.length - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return filled;
      }),
    close: () => file.close(),
  };
}
