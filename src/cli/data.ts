import { FormatError } from '../errors.js';
import type { Network } from '../graph/network.js';
import type { ImageDataset } from '../io/dataset.js';
import { type ImageFolder, loadImageFolder, loadMnist } from '../io/folder.js';
import { loadPictureDataset } from '../io/pictureDataset.js';
import { type ClassFolder, findPictureFolders, findSplit, type PictureFolders } from '../io/pictureFiles.js';
import type { Output } from './output.js';
import { progressBar } from './progress.js';
import { skipCounter } from './skips.js';

/** How much of one file is read; what is left out is as usual. */
export interface ReadLimits {
  /** Of a picture. */
  readonly maxPixels?: number;
  /** Of another file of a data set, and of what it expands to. */
  readonly maxBytes?: number;
}

/** What the folder of the pictures to test with may be called. */
export const testSplits = ['val', 'validation', 'valid', 'test'];

/** One picture of so many of a class is for testing where a folder has none set apart. */
const testShare = 10;

/**
 * The data set that `--data` names: `mnist`, a folder of a data set's files, or one of pictures.
 *
 * @param size of the images that pictures become; other data has its own
 */
export async function loadData(
  source: string,
  size: Network['input'],
  output: Output,
  limits: ReadLimits,
): Promise<ImageFolder> {
  const pictures = source === 'mnist' ? undefined : await findPictureData(source, output);
  return pictures ? loadPictures(pictures, size, output, limits) : loadKnownData(source, limits);
}

/** The data set that `mnist` or a folder of a data set's files names. */
export function loadKnownData(source: string, limits: ReadLimits = {}): Promise<ImageFolder> {
  return source === 'mnist' ? loadMnist() : loadImageFolder(source, limits);
}

interface PictureData {
  readonly train: PictureFolders;
  readonly test: PictureFolders;
}

/** The pictures to train and to test with, where the folder holds pictures. */
async function findPictureData(path: string, output: Output): Promise<PictureData | undefined> {
  const train = await findSplit(path, ['train']);
  const test = await findSplit(path, testSplits);
  if (train && test) {
    checkSameClasses(train, test, path);
    return { train, test };
  }
  if (test) throw failure(path, 'a folder train of pictures', `${test.name} alone`);
  const all = train ?? (await findPictureFolders(path));
  if (!all) return undefined;
  output.say(`No folder ${testSplits.join(' or ')} in ${path}: every ${testShare}th picture of a class is for testing`);
  const part = (isIn: (index: number) => boolean): PictureFolders => ({
    name: all.name,
    classes: all.classes.map(
      ({ name, pictures }): ClassFolder => ({
        name,
        pictures: pictures.filter((_, index) => isIn(index)),
      }),
    ),
  });
  const isTest = (index: number): boolean => index % testShare === testShare - 1;
  return { train: part((index) => !isTest(index)), test: part(isTest) };
}

/**
 * Refuses a data set whose classes are others than those a checkpoint was trained for, where both have names.
 *
 * @throws FormatError that names the first difference
 */
export function checkClassNames(dataset: ImageDataset, known: readonly string[] | undefined): void {
  const own = dataset.classNames;
  if (!own || !known) return;
  const length = Math.max(own.length, known.length);
  const at = Array.from({ length }, (_, label) => label).find((label) => own[label] !== known[label]);
  if (at === undefined) return;
  const described = (names: readonly string[]): string =>
    `${names[at] ?? 'no class'} as class ${at} of ${names.length}`;
  throw failure(dataset.name, `the classes of the checkpoint, with ${described(known)}`, described(own));
}

function checkSameClasses(train: PictureFolders, test: PictureFolders, path: string): void {
  const known = train.classes.map(({ name }) => name);
  const tested = test.classes.map(({ name }) => name);
  if (known.join('\0') === tested.join('\0')) return;
  const strange = [
    ...tested.filter((name) => !known.includes(name)),
    ...known.filter((name) => !tested.includes(name)),
  ];
  throw failure(
    path,
    `the same folders in ${train.name} and ${test.name}`,
    `${strange.slice(0, 10).join(', ')} in one of them alone`,
  );
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'loadData', parameter, expected, got });
}

async function loadPictures(
  { train, test }: PictureData,
  size: Network['input'],
  output: Output,
  { maxPixels }: ReadLimits,
): Promise<ImageFolder> {
  const options = { size, ...(maxPixels !== undefined && { maxPixels }) };
  const skips = skipCounter(output);
  const load = async (folders: PictureFolders): Promise<ImageDataset> => {
    const total = folders.classes.reduce((sum, { pictures }) => sum + pictures.length, 0);
    const bar = progressBar('Reading', total, output);
    const onProgress = (done: number): void => bar.update(done);
    return loadPictureDataset(folders, { ...options, onProgress, onSkipped: skips.skip }).finally(() => bar.stop());
  };
  const data = { train: await load(train), test: await load(test) };
  skips.say(data.train.count + data.test.count);
  return data;
}
