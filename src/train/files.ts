import { readFile } from 'node:fs/promises';
import { type Checkpoint, decodeCheckpoint } from './checkpoint.js';

/**
 * Reads a checkpoint file.
 *
 * @throws FormatError where it is broken, and what the file system says.
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readFile(path), path);
}
