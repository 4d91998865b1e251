import { open, rename, rm, writeFile } from 'node:fs/promises';
import { readWithin } from '../io/readWithin.js';
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

/** What Node reads as a whole. */
const mostBytes = 2 ** 31 - 1;

/**
 * Reads a checkpoint file.
 *
 * @throws FormatError where it is broken, LimitError for one of 2 GiB or more, and what the file system says.
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readWithin(path, mostBytes, 'loadCheckpoint'), path);
}
