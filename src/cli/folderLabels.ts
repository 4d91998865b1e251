import { UnsupportedError } from '../errors.js';
import { imageNetClasses } from '../io/imageNetClasses.js';
import type { PictureFolders } from '../io/pictureFiles.js';
import type { Output } from '../terminal/output.js';
import type { Model } from './model.js';

/**
 * Which class of a model each folder of pictures holds: by its name where that is the name, WordNet number or number of a class,
 * else by its place among all, where there are as many folders as classes.
 *
 * @throws UnsupportedError where neither is so, since guessing would give a wrong accuracy
 */
export function folderLabels({ name, classes: folders }: PictureFolders, model: Model, output: Output): number[] {
  const names = folders.map((folder) => folder.name);
  const { classes, classNames } = model;
  const ways: ReadonlyMap<string, number>[] = [];
  if (classNames) ways.push(new Map(classNames.map(({ name: word }, label) => [word, label])));
  if (classes === imageNetClasses().length) ways.push(new Map(imageNetClasses().map(({ id }, label) => [id, label])));
  ways.push(new Map(Array.from({ length: classes }, (_, label) => [`${label}`, label])));
  for (const way of ways) {
    if (names.every((word) => way.has(word))) return names.map((word) => way.get(word)!);
  }
  if (names.length === classes && !model.record?.classNames) {
    output.say(`The folders of ${name} are taken for the classes of ${model.network.name} in the order of their names`);
    return names.map((_, index) => index);
  }
  const strange = names.find((word) => !ways[0]!.has(word));
  throw new UnsupportedError({
    operation: 'eval',
    parameter: name,
    expected: `folders with the names of the ${classes} classes of ${model.network.name}, or one for each`,
    got: `${names.length} folders, of which ${strange} is none of the names`,
  });
}
