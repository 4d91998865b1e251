import { requireKind } from '../arrays.js';
import { FormatError } from '../errors.js';
import type { ImageDataset } from './dataset.js';

/** A file's content and its name, for errors. */
export interface NamedBytes {
  /** The file's, for errors. */
  readonly name: string;
  /** All of it. */
  readonly bytes: Uint8Array;
}

/** The two data sets of 32 x 32 colour images. */
export type CifarKind = 'cifar10' | 'cifar100';

const side = 32;
const channels = 3;
const plane = side * side;
const imageBytes = plane * channels;

/** A record is `labelBytes` labels, the last of which counts, and then a red, a green and a blue plane. */
const layouts = {
  cifar10: { name: 'CIFAR-10', labelBytes: 1, classes: 10 },
  // A coarse label of 20 comes before the fine one.
  cifar100: { name: 'CIFAR-100', labelBytes: 2, classes: 100 },
} as const;

/** The order of CIFAR-10's labels. */
const cifar10Names = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/**
 * Which of the two some files are of, by their sizes, else by their names; undefined where neither tells.
 *
 * @param files of binaries, with their sizes in bytes
 */
export function cifarKind(files: readonly { readonly name: string; readonly size: number }[]): CifarKind | undefined {
  if (files.length === 0) return undefined;
  const [kind, other] = (['cifar10', 'cifar100'] as const).filter((one) =>
    files.every(({ size }) => size > 0 && size % (layouts[one].labelBytes + imageBytes) === 0),
  );
  if (kind !== undefined && other === undefined) return kind;
  if (files.some(({ name }) => /^(data|test)_batch/.test(name))) return 'cifar10';
  return files.some(({ name }) => /^(train|test)\.bin$/.test(name)) ? 'cifar100' : kind;
}

/**
 * Reads the binary version of CIFAR-10 or CIFAR-100 (fine labels), all parts into one data set, the planes turned to
 * pixels [count, 32, 32, 3].
 *
 * @throws FormatError naming the part: not a whole number of records, 1 or more, or a label out of range, with its record;
 *   ShapeError for a part that is no Uint8Array
 */
export function readCifar(parts: readonly NamedBytes[], kind: CifarKind): ImageDataset {
  const { name, labelBytes, classes } = layouts[kind];
  const recordBytes = labelBytes + imageBytes;
  for (const part of parts) checkLength(part, recordBytes, kind);
  const count = parts.reduce((sum, part) => sum + part.bytes.length / recordBytes, 0);
  if (count === 0) throw failure('parts', '1 file or more', 'none');
  const images = new Uint8Array(count * imageBytes);
  const labels = new Uint8Array(count);
  let example = 0;
  for (const part of parts) {
    for (let start = 0; start < part.bytes.length; start += recordBytes) {
      const label = part.bytes[start + labelBytes - 1]!;
      if (label >= classes) {
        throw failure(`${part.name}, record ${start / recordBytes}`, `a label below ${classes}`, `${label}`);
      }
      labels[example] = label;
      interleave(part.bytes, start + labelBytes, images, example * imageBytes);
      example++;
    }
  }
  const classNames = kind === 'cifar10' && { classNames: cifar10Names };
  return { name, count, height: side, width: side, channels, classes, ...classNames, images, labels };
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'readCifar', parameter, expected, got });
}

function checkLength(part: NamedBytes, recordBytes: number, kind: CifarKind): void {
  requireKind('readCifar', part.name, part.bytes, 'Uint8Array');
  const { length } = part.bytes;
  if (length > 0 && length % recordBytes === 0) return;
  const [own, other] = kind === 'cifar10' ? ['CIFAR-10', '3074 for CIFAR-100'] : ['CIFAR-100', '3073 for CIFAR-10'];
  const expected = `records of ${recordBytes} bytes each, 1 or more, for ${own} (${other})`;
  throw failure(part.name, expected, `${length} bytes`);
}

/** Planes one after another become pixels one after another. */
function interleave(source: Uint8Array, sourceStart: number, target: Uint8Array, targetStart: number): void {
  for (let channel = 0; channel < channels; channel++) {
    let from = sourceStart + channel * plane;
    const end = targetStart + imageBytes;
    for (let to = targetStart + channel; to < end; to += channels) target[to] = source[from++]!;
  }
}
