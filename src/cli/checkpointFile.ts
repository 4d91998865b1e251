import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FileError } from '../io/fileError.js';
import type { Output } from '../terminal/output.js';
import type { Checkpoint } from '../train/checkpoint.js';
import { loadCheckpoint } from '../train/files.js';

/** What a training calls the checkpoint in its folder. */
export const checkpointName = 'checkpoint.safetensors';

/**
 * The file that a path to weights means: itself, or the checkpoint where it leads to the folder of a training, which is said.
 *
 * @throws FileError for a folder without one
 */
export async function checkpointFile(path: string, output: Output): Promise<string> {
  const found = await findCheckpoint(path);
  if (found === undefined && (await isFolder(path))) {
    const expected = `a file, or the folder of a training with ${checkpointName} in it`;
    throw new FileError({ operation: 'open', parameter: path, expected, got: 'a folder without it' });
  }
  if (found !== undefined && found !== path) output.say(`Reading ${found}`);
  return found ?? path;
}

/** The same where there is such a file at all. */
export async function findCheckpoint(path: string): Promise<string | undefined> {
  for (const file of [path, join(path, checkpointName)]) if ((await isFolder(file)) === false) return file;
  return undefined;
}

/** Undefined where there is nothing at all. */
function isFolder(path: string): Promise<boolean | undefined> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => undefined,
  );
}

/** The checkpoint that a path means. */
export async function readCheckpoint(path: string, output: Output): Promise<Checkpoint> {
  return loadCheckpoint(await checkpointFile(path, output));
}
