import { readWithin } from '../io/readWithin.js';
import { type Checkpoint, decodeCheckpoint } from './checkpoint.js';

/** What Node reads as a whole. */
const mostBytes = 2 ** 31 - 1;

/**
 * Reads a checkpoint file.
 *
 * @throws FormatError where it is broken, LimitError for one of 2 GiB or more, FileError where it cannot be read
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readWithin(path, mostBytes, 'loadCheckpoint'), path);
}
