import { readFile } from 'node:fs/promises';
import { ICError } from '../errors.js';
import { systemWords } from './systemError.js';

/** The file system does not give or take what was asked for: a file is not there, is a folder, must not be read, ... */
export class FileError extends ICError {
  /** What the system calls it, such as `ENOENT`, where the system refused. */
  get code(): string | undefined {
    return (this.cause as NodeJS.ErrnoException | undefined)?.code;
  }
}

/** Of what a file was wanted for. */
export interface FileUse {
  readonly operation: string;
  /** Where the system does not say which file it was about. */
  readonly path?: string;
  /** What it should have been; a file or folder that can be used where left out. */
  readonly expected?: string;
}

/** A {@link FileError} for what Node throws about files; every other error as it is. */
export function fileError(error: unknown, use: FileUse): unknown {
  if (!isOfSystem(error)) return error;
  const parameter = use.path ?? error.dest ?? error.path ?? 'file';
  const { operation, expected = 'a file or folder that can be used' } = use;
  return new FileError({ operation, parameter, expected, got: systemWords(error) }, { cause: error });
}

function isOfSystem(error: unknown): error is NodeJS.ErrnoException & { readonly dest?: string } {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

/**
 * What `work` gives.
 *
 * @throws FileError in place of what Node throws about files
 */
export function withFile<T>(use: FileUse, work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw fileError(error, use);
  });
}

/**
 * All bytes of a file.
 *
 * @throws FileError where it cannot be read
 */
export function readWhole(operation: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  return withFile({ operation, path, expected: 'a file that can be read' }, () => readFile(path));
}
