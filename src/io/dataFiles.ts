import { FormatError, ShapeError } from '../errors.js';
import { type CifarKind, cifarKind, readCifar } from './cifar.js';
import { fromIdx, type ImageDataset } from './dataset.js';
import { isBeside } from './folderNames.js';
import { heldOutWords, holdOut } from './holdOut.js';
import { type IdxOptions, idxShape, readIdx } from './idx.js';

/** A file that may be one of a data set's. */
export interface DataFile {
  /** With the folders it lies in, for errors. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Its bytes, or as many of the first as are asked for. */
  read(limit?: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A data set's two halves. */
export interface ImageFolder {
  /** To train on. */
  readonly train: ImageDataset;
  /** Set apart to test with. */
  readonly test: ImageDataset;
}

/** The same, with what a person should know of how they came about. */
export interface DataFiles extends ImageFolder {
  readonly notes: readonly string[];
}

/** Enough of a compressed file for the first bytes of what it holds. */
const startBytes = 4096;
const isPicture = /\.(jpe?g|png|webp|gif|bmp|avif)$/i;

/**
 * Reads the data set among some files: a pair of IDX files, whatever they are called, or the binaries of CIFAR-10 or CIFAR-100,
 * not all of which have to be there. Files with `t10k`, `test` or `val` in their names are to test with, or the smaller of two
 * pairs of other names; where there are none, every tenth image of a class is held out. The notes say so.
 *
 * @param name of a data set of IDX files
 * @returns undefined where no file is one of such a data set
 * @throws FormatError where a file is missing that belongs to another one, or one is broken; LimitError for a gzip file that
 *   expands to more than `maxBytes`; ShapeError where they do not fit each other
 */
export async function readDataFiles(
  files: readonly DataFile[],
  name: string,
  options: IdxOptions = {},
): Promise<DataFiles | undefined> {
  const possible = files.filter(({ path }) => !isBeside(nameOf(path)) && !isPicture.test(path));
  const found: IdxFile[] = [];
  // One after another: a system opens so many files at once.
  for (const file of possible) {
    const shape = await shapeOf(file);
    if (shape) found.push({ file, shape });
  }
  const idx = withoutCopies(found);
  if (idx.length > 0) return readPairs(idx, name, options);
  const binaries = possible.filter(({ path }) => path.endsWith('.bin'));
  const kind = cifarKind(binaries.map(({ path, size }) => ({ name: nameOf(path), size })));
  return kind && readBinaries(binaries, kind);
}

interface IdxFile {
  readonly file: DataFile;
  /** Of one dimension for labels, of three or four for images. */
  readonly shape: readonly number[];
}

function nameOf(path: string): string {
  return path.split(/[/\\]/).at(-1)!;
}

/** By the content, or where that is damaged by the usual names. */
async function shapeOf(file: DataFile): Promise<readonly number[] | undefined> {
  const shape = await idxShape(await file.read(startBytes));
  if (shape) return [1, 3, 4].includes(shape.length) ? shape : undefined;
  const [, rank] = /idx([134])-ubyte(\.gz)?$/.exec(file.path) ?? [];
  return rank === undefined ? undefined : Array<number>(Number(rank)).fill(0);
}

/** Of a file that is there with and without compression, or under both of its usual names, one. */
function withoutCopies(files: readonly IdxFile[]): IdxFile[] {
  const key = ({ file, shape }: IdxFile): string =>
    `${nameOf(file.path).replace(/\.gz$/, '').replace('.idx', '-idx')} ${shape}`;
  return [...new Map(files.map((one) => [key(one), one])).values()];
}

function isForTesting({ path }: DataFile): boolean {
  return /(?<![a-z])([Tt]10[Kk]|[Tt]est|TEST|[Vv]al(id(ation)?)?|VAL)(?![a-z])/.test(nameOf(path));
}

const isLabels = ({ shape }: IdxFile): boolean => shape.length === 1;

async function readPairs(idx: readonly IdxFile[], name: string, options: IdxOptions): Promise<DataFiles> {
  const named = idx.filter(({ file }) => isForTesting(file));
  const testing = named.length > 0 ? named : smallerPair(idx);
  const train = await readPair(
    idx.filter((one) => !testing.includes(one)),
    name,
    options,
  );
  if (testing.length === 0) return heldOut(train);
  const test = await readPair(testing, name, options, train.classes);
  checkSize(train, test);
  const files = testing.map(({ file }) => file);
  return { train, test, notes: named.length > 0 ? [] : [`The smaller pair of files is to test with: ${list(files)}`] };
}

/** The files of the smaller of two pairs; none where there are not two that differ. */
function smallerPair(idx: readonly IdxFile[]): IdxFile[] {
  const counts = [...new Set(idx.map(({ shape }) => shape[0]!))].toSorted((a, b) => a - b);
  return idx.length === 4 && counts.length === 2 ? idx.filter(({ shape }) => shape[0] === counts[0]) : [];
}

async function readPair(
  files: readonly IdxFile[],
  name: string,
  options: IdxOptions,
  classes?: number,
): Promise<ImageDataset> {
  const [images, labels] = [files.filter((one) => !isLabels(one)), files.filter(isLabels)];
  if (images.length !== 1 || labels.length !== 1) {
    const half = classes === undefined ? 'to train with' : 'to test with (t10k, test or val in their names)';
    const expected = `an IDX file of images and one of labels ${half}`;
    throw failure(name, expected, list(files.map(({ file }) => file)));
  }
  const [first, second] = await Promise.all(
    [images[0]!, labels[0]!].map(async ({ file }) => readIdx(await file.read(), file.path, options)),
  );
  return fromIdx(name, first!, second!, classes);
}

async function readBinaries(files: readonly DataFile[], kind: CifarKind): Promise<DataFiles> {
  const read = async (part: readonly DataFile[]): Promise<ImageDataset> =>
    readCifar(await Promise.all(part.map(async (file) => ({ name: file.path, bytes: await file.read() }))), kind);
  const training = files.filter((file) => !isForTesting(file));
  if (training.length === 0) throw failure(files[0]!.path, 'binaries to train with beside it', 'none');
  const train = await read(training);
  const notes = kind === 'cifar10' && training.length < 5 ? [`Only ${list(training)} of five batches`] : [];
  const testing = files.filter(isForTesting);
  const data = testing.length === 0 ? heldOut(train) : { train, test: await read(testing), notes: [] };
  return { ...data, notes: [...notes, ...data.notes] };
}

function heldOut(dataset: ImageDataset): DataFiles {
  return { ...holdOut(dataset), notes: [`${dataset.name} has nothing to test with: ${heldOutWords}`] };
}

function checkSize(train: ImageDataset, test: ImageDataset): void {
  const [expected, got] = [sizeOf(train), sizeOf(test)];
  if (expected === got) return;
  throw new ShapeError({
    operation: 'loadData',
    parameter: 'test pictures',
    expected: `${expected}, as those to train with are`,
    got,
  });
}

function sizeOf({ height, width, channels }: ImageDataset): string {
  return `${width} × ${height}${channels === 1 ? '' : ` of ${channels} channels`}`;
}

function list(files: readonly DataFile[]): string {
  const names = files.map(({ path }) => nameOf(path));
  const rest = names.length - 8;
  return names.slice(0, 8).join(', ') + (rest > 0 ? ` and ${rest} more` : '') || 'none';
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'loadData', parameter, expected, got });
}
