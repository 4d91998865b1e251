import { open } from 'node:fs/promises';
import type { ByteSource } from './byteSource.js';

/**
 * Opens a file on disk for reading in pieces.
 *
 * @throws what the file system says
 */
export async function openFile(path: string): Promise<ByteSource> {
  const file = await open(path);
  const { size } = await file.stat().catch(async (error: unknown) => {
    await file.close();
    throw error;
  });
  return {
    name: path,
    size,
    async read(offset, target) {
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await file.read(target, filled, target.length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    },
    close: () => file.close(),
  };
}
