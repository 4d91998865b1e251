import { FormatError } from '../../errors.js';
import { isBeside, likeTrained, testSplits, trainSplit } from '../../io/folderNames.js';
import { listNames } from '../../names.js';
import type { PlacedFile } from '../protocol.js';

const pictureNames = /\.(png|jpe?g|webp|gif|bmp|avif)$/i;

/** Pictures of a class. */
export interface PictureClass {
  readonly name: string;
  readonly pictures: readonly PlacedFile[];
}

/** Which pictures are of which class, and what was left out. */
export interface PictureLayout {
  readonly train: readonly PictureClass[];
  /** In the order of those to train with; undefined where nothing is set apart to test with. */
  readonly test?: readonly PictureClass[];
  readonly notes: readonly string[];
}

/**
 * Lays out pictures by the folders that they lie in, one a class; with folders `train` and `val` (or its like) around those of
 * the classes where there are some. The rules are those of `icnet train`.
 *
 * @throws FormatError where there are no pictures in folders, a single class, or one to test with that none are to train with of
 */
export function layOutPictures(files: readonly PlacedFile[]): PictureLayout {
  const pictures = files.filter(({ path }) => pictureNames.test(path) && !path.split('/').some(isBeside));
  const depth = sharedFolders(pictures);
  const folders = byFolder(pictures, depth);
  const strange = leftOut(files, depth, folders);
  const notes = strange.length > 0 ? [`Left out, as no classes or without pictures: ${listNames(strange)}`] : [];
  const training = folders.get(trainSplit);
  const testing = testSplits.map((split) => folders.get(split)).find((found) => found !== undefined);
  if (!training || !testing) return { train: requireClasses(classesOf(pictures, depth)), notes };
  const train = requireClasses(classesOf(training, depth + 1));
  const { classes, untested } = likeTrained(train, classesOf(testing, depth + 1), (others) =>
    failure('to test with only classes that there are pictures to train with of', `${listNames(others)} besides`),
  );
  if (untested.length > 0) notes.push(`No pictures to test with of ${listNames(untested)}`);
  return { train, test: classes, notes };
}

/** How many of the outermost folders all pictures share; a folder in which all of them lie is that of a class. */
function sharedFolders(pictures: readonly PlacedFile[]): number {
  const folders = pictures.map(({ path }) => path.split('/').slice(0, -1));
  const [first = []] = folders;
  const differs = first.findIndex((folder, at) => folders.some((own) => own[at] !== folder));
  return differs < 0 ? first.length - (folders.every(({ length }) => length === first.length) ? 1 : 0) : differs;
}

/** The files by the folder that they lie in below the outermost ones. */
function byFolder(files: readonly PlacedFile[], depth: number): Map<string, PlacedFile[]> {
  const folders = new Map<string, PlacedFile[]>();
  for (const file of files) {
    const [folder = '', ...rest] = file.path.split('/').slice(depth);
    if (rest.length === 0) continue;
    const known = folders.get(folder);
    if (known) known.push(file);
    else folders.set(folder, [file]);
  }
  return folders;
}

function classesOf(pictures: readonly PlacedFile[], depth: number): PictureClass[] {
  return Array.from(byFolder(pictures, depth), ([name, own]) => ({ name, pictures: own })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
}

/** Folders that hold no class: hidden ones, `__MACOSX`, and ones without pictures. */
function leftOut(files: readonly PlacedFile[], depth: number, folders: ReadonlyMap<string, unknown>): string[] {
  const names = files.flatMap(({ path }) => {
    const around = path.split('/').slice(0, -1);
    return around.find(isBeside) ?? around[depth] ?? [];
  });
  return [...new Set(names)].filter((name) => !folders.has(name)).sort();
}

function requireClasses(classes: readonly PictureClass[]): readonly PictureClass[] {
  if (classes.length >= 2 && classes.length <= 256) return classes;
  const expected = 'IDX files, CIFAR binaries, or pictures in a folder for each of 2 to 256 classes';
  throw failure(expected, classes.length === 0 ? 'no pictures in folders' : `${classes.length} folders`);
}

function failure(expected: string, got: string): FormatError {
  return new FormatError({ operation: 'loadData', parameter: 'files', expected, got });
}
