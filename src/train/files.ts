import { open, rename, rm, writeFile } from 'node:fs/promises';
import { readWhole } from '../io/fileError.js';
import { type Checkpoint, decodeCheckpoint } from './checkpoint.js';

/**
 * Writes a file as a whole or not at all: beside its place, flushed to the disk, then renamed.
 *
 * @throws what the file system says; an older file of the name is then as it was.
 */
export async function writeAtomically(
  path: string,
  bytes: Uint8Array | string | AsyncIterable<Uint8Array>,
): Promise<void> {
  const beside = `${path}.${process.pid}.part`;
  try {
    const file = await open(beside, 'w');
    try {
      await writeFile(file, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/**
 * Reads a checkpoint file.
 *
 * @throws FormatError where it is broken, FileError where it cannot be read
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readWhole('loadCheckpoint', path), path);
}
