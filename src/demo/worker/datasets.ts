import { FormatError } from '../../errors.js';
import { readCifar } from '../../io/cifar.js';
import { fromIdx, type ImageDataset, subset } from '../../io/dataset.js';
import { readIdx } from '../../io/idx.js';
import { shuffledOrder } from '../../io/random.js';
import { drawnDigits } from '../data/digits.js';
import type { DataDescription, DataSource, PlacedFile } from '../protocol.js';
import { readClassFolders } from './pictures.js';

/** A data set's two halves, and what its classes are called. */
export interface TrainingData {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
  readonly classes: readonly string[];
}

const drawnTrain = 12_000;
const drawnTest = 2_000;
/** Of what comes without a test half. */
const testShare = 0.1;
const cifarClasses = ['aeroplane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'lorry'];
const mnistFiles = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];

/**
 * Loads a data set.
 *
 * @throws FormatError where files are missing or broken, or pictures to test with are of another size than those to train on
 */
export async function loadData(source: DataSource): Promise<TrainingData> {
  switch (source.kind) {
    case 'drawn':
      return named(drawnDigits('Handwriting made up here', drawnTrain, 1), drawnDigits('made up', drawnTest, 2));
    case 'mnist':
      return fetchMnist(source.address);
    case 'files':
      return readFiles(source.files);
  }
}

/** What the page shows of a data set. */
export function describeData({ train, test, classes }: TrainingData): DataDescription {
  const { name, height, width, channels } = train;
  return { name, trainImages: train.count, testImages: test.count, height, width, channels, classes };
}

function named(train: ImageDataset, test: ImageDataset, classes?: readonly string[]): TrainingData {
  if (sizeOf(test) !== sizeOf(train)) {
    throw failure('test pictures', `${sizeOf(train)}, as the pictures to learn from are`, sizeOf(test));
  }
  return { train, test, classes: classes ?? Array.from({ length: train.classes }, (_, index) => `${index}`) };
}

function sizeOf({ height, width, channels }: ImageDataset): string {
  return `${width} × ${height}${channels === 1 ? '' : ` of ${channels} channels`}`;
}

async function fetchMnist(address: string): Promise<TrainingData> {
  const arrays = await Promise.all(mnistFiles.map(async (name) => readIdx(await fetchFirst(address, name), name)));
  const [images, labels, testImages, testLabels] = arrays as [
    (typeof arrays)[0],
    (typeof arrays)[0],
    (typeof arrays)[0],
    (typeof arrays)[0],
  ];
  return named(fromIdx('MNIST', images, labels, 10), fromIdx('MNIST', testImages, testLabels, 10));
}

/** A file under its name or, compressed, under the name with `.gz`. */
async function fetchFirst(address: string, name: string): Promise<Uint8Array> {
  let got = '';
  for (const ending of ['', '.gz']) {
    const response = await fetch(new URL(`${name}${ending}`, address)).catch((error: Error) => error);
    if (!(response instanceof Error) && response.ok && !response.headers.get('content-type')?.startsWith('text/html')) {
      return new Uint8Array(await response.arrayBuffer());
    }
    got = response instanceof Error ? response.message : `${response.status} ${response.statusText}`;
  }
  throw failure(new URL(name, address).href, 'an IDX file, plain or with .gz', got);
}

async function readFiles(files: readonly PlacedFile[]): Promise<TrainingData> {
  const idx = files.filter(({ path }) => /idx\d-ubyte(\.gz)?$/.test(path));
  if (idx.length > 0) return readIdxFiles(idx);
  const binaries = files.filter(({ path }) => /\.bin$/.test(path));
  if (binaries.length > 0) return readBinaries(binaries);
  return split(await readClassFolders(files));
}

/** Test files are those whose names say so. */
const isTest = ({ path }: PlacedFile): boolean => /(t10k|test|val)[^/]*$/i.test(path);

async function readIdxFiles(files: readonly PlacedFile[]): Promise<TrainingData> {
  const pair = async (half: readonly PlacedFile[], name: string, classes?: number): Promise<ImageDataset> => {
    const images = half.find(({ path }) => /idx[34]-ubyte/.test(path));
    const labels = half.find(({ path }) => path.includes('idx1-ubyte'));
    if (!images || !labels) throw failure(name, 'a file of images (idx3) and one of labels (idx1)', list(half));
    const [first, second] = await Promise.all(
      [images, labels].map(async ({ path, file }) => readIdx(await bytesOf(file), path)),
    );
    return fromIdx('your IDX files', first!, second!, classes);
  };
  const train = await pair(
    files.filter((file) => !isTest(file)),
    'IDX files',
  );
  const testFiles = files.filter(isTest);
  if (testFiles.length === 0) return split({ dataset: train });
  return named(train, await pair(testFiles, 'IDX test files', train.classes));
}

async function readBinaries(files: readonly PlacedFile[]): Promise<TrainingData> {
  const parts = await Promise.all(
    files.map(async (placed) => ({ name: placed.path, bytes: await bytesOf(placed.file), test: isTest(placed) })),
  );
  const kind = parts.every(({ bytes }) => bytes.length % 3073 === 0) ? 'cifar10' : 'cifar100';
  const read = (test: boolean): ImageDataset =>
    readCifar(
      parts.filter((part) => part.test === test),
      kind,
    );
  const classes = kind === 'cifar10' ? cifarClasses : undefined;
  if (!parts.some(({ test }) => test)) return split({ dataset: read(false), classes });
  return named(read(false), read(true), classes);
}

/** Takes some pictures at random for testing. */
function split({ dataset, classes }: { dataset: ImageDataset; classes?: readonly string[] | undefined }): TrainingData {
  const mixed = shuffled(dataset);
  const test = Math.max(1, Math.round(dataset.count * testShare));
  if (dataset.count < 2) throw failure(dataset.name, 'pictures to train on and to test with', `${dataset.count}`);
  return named(subset(mixed, 0, dataset.count - test), subset(mixed, dataset.count - test, test), classes);
}

function shuffled(dataset: ImageDataset): ImageDataset {
  const { count, height, width, channels } = dataset;
  const size = height * width * channels;
  const images = new Uint8Array(dataset.images.length);
  const labels = new Uint8Array(count);
  shuffledOrder(count, 1, 0).forEach((from, to) => {
    images.set(dataset.images.subarray(from * size, (from + 1) * size), to * size);
    labels[to] = dataset.labels[from]!;
  });
  return { ...dataset, images, labels };
}

async function bytesOf(file: File): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}

function list(files: readonly PlacedFile[]): string {
  return files.map(({ path }) => path).join(', ') || 'none';
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'loadData', parameter, expected, got });
}
