import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isBeside } from './folderNames.js';

/** The pictures of a class. */
export interface ClassFolder {
  /** The folder's name. */
  readonly name: string;
  /** Their paths, in order. */
  readonly pictures: readonly string[];
}

/** A data set of pictures: one folder a class, in the order of their names, which is that of the labels. */
export interface PictureFolders {
  readonly name: string;
  readonly classes: readonly ClassFolder[];
  /** Folders beside those of the classes that are no classes: hidden ones, `__MACOSX`, and ones without pictures. */
  readonly leftOut: readonly string[];
}

const pictureEnding = /\.(jpe?g|png|webp)$/i;

/** Whether a file's name says that it is a picture which `decodePicture` reads. */
export function isPictureName(path: string): boolean {
  return pictureEnding.test(path);
}

/** The pictures in a folder and the folders in it, in order, but hidden ones. Links are followed, but into no folder twice. */
export async function findPictures(folder: string): Promise<string[]> {
  return search(folder, new Set());
}

async function search(folder: string, seen: Set<string>): Promise<string[]> {
  const real = await realpath(folder);
  if (seen.has(real)) return [];
  seen.add(real);
  const found: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    if (isBeside(name)) continue;
    if (isPictureName(name)) found.push(path);
    else if (await isFolder(path)) found.push(...(await search(path, seen)));
  }
  return found;
}

/** Whether a path leads to a folder; false where it leads nowhere. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** A data set of pictures in a folder, one folder a class as ImageNet's validation set has it, if that is what it holds. */
export async function findPictureFolders(path: string): Promise<PictureFolders | undefined> {
  if (!(await isFolder(path))) return undefined;
  const classes: ClassFolder[] = [];
  const leftOut: string[] = [];
  for (const name of (await readdir(path)).sort()) {
    const folder = join(path, name);
    if (!(await isFolder(folder))) continue;
    const pictures = isBeside(name) ? [] : await findPictures(folder);
    if (pictures.length > 0) classes.push({ name, pictures });
    else leftOut.push(name);
  }
  return classes.length > 0 ? { name: basename(resolve(path)), classes, leftOut } : undefined;
}

/** The same for the first of some folders in a folder that holds such a data set. */
export async function findSplit(path: string, splits: readonly string[]): Promise<PictureFolders | undefined> {
  for (const split of splits) {
    const found = await findPictureFolders(join(path, split));
    if (found) return found;
  }
  return undefined;
}
