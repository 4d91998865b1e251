import { FormatError } from '../../errors.js';
import { type DataFile, readDataFiles } from '../../io/dataFiles.js';
import type { ImageDataset } from '../../io/dataset.js';
import { drawnDigits } from '../data/digits.js';
import { litDigits } from '../data/litDigits.js';
import type { DataDescription, DataSource, PlacedFile } from '../protocol.js';
import { readClassFolders } from './pictures.js';

/** A data set's two halves, and what its classes are called. */
export interface TrainingData {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
  readonly classes: readonly string[];
  /** What was made of a data set that is not whole. */
  readonly notes: readonly string[];
}

const drawnTrain = 12_000;
/** Half as many, which are made in half of the time: the first step waits for it. */
const litTrain = 6_000;
const drawnTest = 2_000;
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
    case 'lit':
      return named(
        litDigits('Handwriting in changing light', litTrain, 1),
        litDigits('in changing light', drawnTest, 2),
      );
    case 'mnist':
      return fetchMnist(source.address);
    case 'files':
      return readFiles(source.files);
  }
}

/** What the page shows of a data set. */
export function describeData({ train, test, classes, notes }: TrainingData): DataDescription {
  const { name, height, width, channels } = train;
  return { name, trainImages: train.count, testImages: test.count, height, width, channels, classes, notes };
}

function named(train: ImageDataset, test: ImageDataset, notes: readonly string[] = []): TrainingData {
  const classes = train.classNames ?? Array.from({ length: train.classes }, (_, index) => `${index}`);
  return { train, test, classes, notes };
}

async function fetchMnist(address: string): Promise<TrainingData> {
  const fetched = await Promise.all(
    mnistFiles.map(async (path): Promise<DataFile> => {
      const bytes = await fetchFirst(address, path);
      return { path, size: bytes.length, read: async (limit) => bytes.subarray(0, limit) };
    }),
  );
  const data = (await readDataFiles(fetched, 'MNIST'))!;
  return named(data.train, data.test, data.notes);
}

/** A file under its name or, compressed, under the name with `.gz`. */
async function fetchFirst(address: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
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
  const data = (await readDataFiles(files.map(dataFile), 'your IDX files')) ?? (await readClassFolders(files));
  return named(data.train, data.test, data.notes);
}

function dataFile({ path, file }: PlacedFile): DataFile {
  return { path, size: file.size, read: async (limit) => new Uint8Array(await file.slice(0, limit).arrayBuffer()) };
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'loadData', parameter, expected, got });
}
