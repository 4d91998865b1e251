import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

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
}

const pictureEnding = /\.(jpe?g|png|webp)$/i;

/** Whether a file's name says that it is a picture which `decodePicture` reads. */
export function isPictureName(path: string): boolean {
  return pictureEnding.test(path);
}

/** The pictures in a folder and the folders in it, in order. Links are followed, but into no folder twice. */
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
    if (isPictureName(name)) found.push(path);
    else if (!name.startsWith('.') && (await isFolder(path))) found.push(...(await search(path, seen)));
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
  for (const name of (await readdir(path)).sort()) {
    const folder = join(path, name);
    if (!name.startsWith('.') && (await isFolder(folder))) classes.push({ name, pictures: await findPictures(folder) });
  }
  return classes.some(({ pictures }) => pictures.length > 0) ? { name: basename(path), classes } : undefined;
}

/** The same for the first of some folders in a folder that holds such a data set. */
export async function findSplit(path: string, splits: readonly string[]): Promise<PictureFolders | undefined> {
  for (const split of splits) {
    const found = await findPictureFolders(join(path, split));
    if (found) return found;
  }
  return undefined;
}
