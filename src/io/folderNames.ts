/** What the folder of the pictures to test with may be called, the first that is there. */
export const testSplits = ['val', 'validation', 'valid', 'test'];

/** What the folder of the pictures to train with is called. */
export const trainSplit = 'train';

/** Whether a file or folder is none of a data set by its name: hidden, or what archives from macOS leave beside the data. */
export function isBeside(name: string): boolean {
  return name.startsWith('.') || name === '__MACOSX';
}

/**
 * The classes of pictures to test with in the order of those to train with, so that labels mean the same; a class of which
 * there are none to test with has no pictures.
 *
 * @param refuse - gives the error for classes that are not among those to train with
 */
export function likeTrained<Class extends { readonly name: string; readonly pictures: readonly unknown[] }>(
  train: readonly Class[],
  test: readonly Class[],
  refuse: (strange: readonly string[]) => Error,
): { readonly classes: readonly Class[]; readonly untested: readonly string[] } {
  const known = new Map(test.map((one) => [one.name, one]));
  const strange = test.map(({ name }) => name).filter((name) => !train.some((one) => one.name === name));
  if (strange.length > 0) throw refuse(strange);
  const classes = train.map((one) => known.get(one.name) ?? { ...one, pictures: [] });
  return { classes, untested: train.map(({ name }) => name).filter((name) => !known.has(name)) };
}
