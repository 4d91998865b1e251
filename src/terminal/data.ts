import { stat } from 'node:fs/promises';
import { FormatError } from '../errors.js';
import type { Network } from '../graph/network.js';
import type { ImageDataset } from '../io/dataset.js';
import { FileError } from '../io/fileError.js';
import { type ImageFolder, loadImageFolder, loadMnist } from '../io/folder.js';
import { likeTrained, testSplits, trainSplit } from '../io/folderNames.js';
import { heldOutWords, isHeldOut, nothingToHoldOut } from '../io/holdOut.js';
import { loadPictureDataset } from '../io/pictureDataset.js';
import { type ClassFolder, findPictureFolders, findSplit, isFolder, type PictureFolders } from '../io/pictureFiles.js';
import { systemWords } from '../io/systemError.js';
import { didYouMean, listNames, loosely } from '../names.js';
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
  const pictures = await findPictureData(source, output);
  return pictures ? loadPictures(pictures, size, output, limits) : loadKnownData(source, output, limits);
}

/** The data set that `mnist` or a folder of a data set's files names. */
export async function loadKnownData(source: string, output: Output, limits: ReadLimits = {}): Promise<ImageFolder> {
  if (await isMnist(source)) return loadMnist();
  if (await isFolder(source)) return loadImageFolder(source, { ...limits, onNote: (note) => output.say(note) });
  const found = await stat(source).then(
    () => 'a file; archives are to be unpacked',
    (error: unknown) => systemWords(error) + didYouMean(source, ['mnist']),
  );
  const expected = 'mnist, or a folder of a data set';
  throw new FileError({ operation: 'loadData', parameter: source, expected, got: found });
}

/** Whether MNIST is meant: by that very name, or by its like where nothing else is called so. */
export async function isMnist(source: string): Promise<boolean> {
  return source === 'mnist' || (loosely(source) === 'mnist' && !(await isFolder(source)));
}

interface PictureData {
  readonly train: PictureFolders;
  readonly test: PictureFolders;
}

/** The pictures to train and to test with, where the folder holds pictures. */
async function findPictureData(path: string, output: Output): Promise<PictureData | undefined> {
  if (await isMnist(path)) return undefined;
  const train = await findSplit(path, [trainSplit]);
  const test = await findSplit(path, testSplits);
  if (train && test) {
    sayLeftOut(train, output);
    sayLeftOut(test, output);
    return { train, test: { ...test, classes: testClasses(train, test, path, output) } };
  }
  if (test) throw failure(path, 'a folder train of pictures', `${test.name} alone`);
  const all = train ?? (await findPictureFolders(path));
  if (!all) return undefined;
  sayLeftOut(all, output);
  output.say(`No folder ${testSplits.join(' or ')} with pictures in ${path}: ${heldOutWords}`);
  const part = (wanted: boolean): PictureFolders => ({
    ...all,
    classes: all.classes.map((one) => partOf(one, wanted)),
  });
  const parts = { train: part(false), test: part(true) };
  if (parts.test.classes.every(({ pictures }) => pictures.length === 0)) throw nothingToHoldOut(path);
  return parts;
}

/** Those of a class's pictures that are held out to test with, or the others. */
function partOf({ name, pictures }: ClassFolder, wanted: boolean): ClassFolder {
  return { name, pictures: pictures.filter((_, index) => isHeldOut(index, pictures.length) === wanted) };
}

/** Says which folders were not taken for classes. */
export function sayLeftOut({ name, leftOut }: PictureFolders, output: Output): void {
  if (leftOut.length === 0) return;
  output.say(`Left out of ${name}, as no classes or without pictures: ${listNames(leftOut)}`);
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

/** The classes to test with as those to train with are numbered. */
function testClasses(
  train: PictureFolders,
  test: PictureFolders,
  path: string,
  output: Output,
): readonly ClassFolder[] {
  const { classes, untested } = likeTrained(train.classes, test.classes, (strange) => {
    const expected = `in ${test.name} the classes that ${train.name} has pictures of`;
    return failure(path, expected, `${listNames(strange)} besides`);
  });
  if (untested.length > 0) output.say(`No pictures to test with of ${listNames(untested)}`);
  return classes;
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
