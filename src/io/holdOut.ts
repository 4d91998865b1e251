import { ShapeError } from '../errors.js';
import type { ImageDataset } from './dataset.js';

/** One picture of so many of a class is for testing where none are set apart. */
const share = 10;

/** What is said where some pictures are held out. */
export const heldOutWords = `every ${share}th picture of a class is for testing, and one at least of two or more`;

/** Whether a picture of a class is held out, by its place among all of its class. */
export function isHeldOut(index: number, count: number): boolean {
  return index % share === share - 1 || (count > 1 && count < share && index === count - 1);
}

/** The error where no class has two pictures. */
export function nothingToHoldOut(name: string): ShapeError {
  const expected = 'two pictures or more of a class, one of them to test with';
  return new ShapeError({ operation: 'holdOut', parameter: name, expected, got: 'one of each class at most' });
}

/**
 * Takes some pictures of each class out of a data set to test with: every tenth, and one at least of two or more.
 *
 * @throws ShapeError where no class has two
 */
export function holdOut(dataset: ImageDataset): { readonly train: ImageDataset; readonly test: ImageDataset } {
  const { labels, classes, name } = dataset;
  const counts = new Uint32Array(classes);
  for (const label of labels) counts[label]!++;
  const seen = new Uint32Array(classes);
  const out = Array.from(labels, (label) => isHeldOut(seen[label]!++, counts[label]!));
  if (!out.includes(true)) throw nothingToHoldOut(name);
  const part = (wanted: boolean): ImageDataset =>
    chosen(
      dataset,
      [...out.keys()].filter((at) => out[at] === wanted),
    );
  return { train: part(false), test: part(true) };
}

function chosen(dataset: ImageDataset, places: readonly number[]): ImageDataset {
  const size = dataset.height * dataset.width * dataset.channels;
  const images = new Uint8Array(places.length * size);
  const labels = dataset.labels.slice(0, places.length);
  for (const [to, from] of places.entries()) {
    images.set(dataset.images.subarray(from * size, (from + 1) * size), to * size);
    labels[to] = dataset.labels[from]!;
  }
  return { ...dataset, count: places.length, images, labels };
}
