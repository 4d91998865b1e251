import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ICError, UnsupportedError } from '../errors.js';
import { checkWritable, writeAtomically } from '../io/writeAtomically.js';
import type { Output } from './output.js';

/**
 * Finds out ahead of the work whether its results can be written.
 *
 * @param parameter - the option that names the place
 * @throws UnsupportedError that says what is in the way
 */
export async function requireWritable(operation: string, parameter: string, path: string): Promise<void> {
  try {
    await checkWritable(path);
  } catch (cause) {
    const got = `${path} (${reasonOf(cause)})`;
    throw new UnsupportedError({ operation, parameter, expected: 'a place that can be written', got }, { cause });
  }
}

/** For all that this process cannot write where it should. */
let rescueFolder: Promise<string> | undefined;

/**
 * Writes what the work has come to. What cannot be written in its place goes into the system's temporary folder; that is said,
 * and the exit code is 1.
 *
 * @returns where it lies
 * @throws ICError where it cannot be written there either
 */
export async function writeResult(path: string, bytes: Uint8Array | string, output: Output): Promise<string> {
  try {
    await writeAtomically(path, bytes);
    return path;
  } catch (error) {
    const place = await rescue(basename(path), bytes).catch((cause: unknown) => {
      const got = `${reasonOf(error)}, and in ${tmpdir()} ${reasonOf(cause)}`;
      throw new ICError(
        { operation: 'write', parameter: path, expected: 'a file that can be written', got },
        { cause },
      );
    });
    output.say(`${path} cannot be written (${reasonOf(error)}); what belongs there is in ${place}`);
    process.exitCode = 1;
    return place;
  }
}

async function rescue(name: string, bytes: Uint8Array | string): Promise<string> {
  rescueFolder ??= mkdtemp(join(tmpdir(), 'icnet-'));
  const place = join(await rescueFolder, name);
  await writeAtomically(place, bytes);
  return place;
}

/** What the file system says, without the name that a file has while it is written. */
export function reasonOf(error: unknown): string {
  return (error as Error).message.replace(/, \w+(?: '.*)?$/s, '');
}
