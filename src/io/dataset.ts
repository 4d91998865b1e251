import { requireKind } from '../arrays.js';
import { ShapeError } from '../errors.js';
import { requireInteger, requireLength } from './checks.js';
import type { IdxArray } from './idx.js';

/** Labelled images of one size. */
export interface ImageDataset {
  /** For messages and checkpoints. */
  readonly name: string;
  /** Number of images, and of labels. */
  readonly count: number;
  /** Of every image, in pixels. */
  readonly height: number;
  /** Of every image, in pixels. */
  readonly width: number;
  /** Of every image: 1 for grey, 3 for colours. */
  readonly channels: number;
  /** Labels are below this. */
  readonly classes: number;
  /** What the classes are called, in the order of the labels, where that is known. */
  readonly classNames?: readonly string[];
  /** Pixel values 0 to 255, [count, height, width, channels]. */
  readonly images: Uint8Array;
  /** [count] */
  readonly labels: Uint8Array | Uint16Array;
}

/** What is taken from and what divides each channel; pixel values count as value / 255. */
export interface Normalisation {
  /** [channels] */
  readonly mean: readonly number[];
  /** [channels], above 0. */
  readonly deviation: readonly number[];
}

/**
 * A data set from a pair of IDX files, whose data is not copied.
 *
 * @param images [count, height, width] for one channel, or [count, height, width, channels]
 * @param labels [count]
 * @param classes 1 to 256; one more than the largest label where left out
 * @throws ShapeError for ranks or counts that do not fit, data that is no Uint8Array, and a label that is not below `classes`
 */
export function fromIdx(name: string, images: IdxArray, labels: IdxArray, classes?: number): ImageDataset {
  const [count, height, width, channels = 1] = images.shape;
  if (images.shape.length !== 3 && images.shape.length !== 4) {
    throw failure('images', '[count, height, width] or [count, height, width, channels]', `[${images.shape}]`);
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw failure('labels', `[${count}], one for each image`, `[${labels.shape}]`);
  }
  requireKind('fromIdx', 'images', images.data, 'Uint8Array');
  requireKind('fromIdx', 'labels', labels.data, 'Uint8Array');
  requireLength('fromIdx', 'images', images.data, count! * height! * width! * channels);
  requireLength('fromIdx', 'labels', labels.data, count!);
  const largest = labels.data.reduce((a, b) => Math.max(a, b), 0);
  const known = classes ?? largest + 1;
  requireInteger('fromIdx', 'classes', known, 1);
  if (known > 256) throw failure('classes', 'at most 256, as labels are bytes', `${known}`);
  if (largest >= known) {
    const got = `${largest} for image ${labels.data.indexOf(largest)}`;
    throw failure('labels', `labels below ${known}`, got);
  }
  return {
    name,
    count: count!,
    height: height!,
    width: width!,
    channels,
    classes: known,
    images: images.data,
    labels: labels.data,
  };
}

function failure(parameter: string, expected: string, got: string): ShapeError {
  return new ShapeError({ operation: 'fromIdx', parameter, expected, got });
}

/**
 * Refuses a data set whose arrays are of another kind or length than it says.
 *
 * @throws ShapeError
 */
export function requireDataset(operation: string, dataset: ImageDataset): void {
  requireKind(operation, 'dataset', dataset, 'Object');
  const { name, count, height, width, channels, images, labels } = dataset;
  for (const size of ['count', 'height', 'width', 'channels'] as const) {
    requireInteger(operation, `${name}, ${size}`, dataset[size], 1);
  }
  requireKind(operation, `${name}, images`, images, 'Uint8Array', 'Uint8ClampedArray');
  requireKind(operation, `${name}, labels`, labels, 'Uint8Array', 'Uint16Array');
  requireLength(operation, `${name}, images`, images, count * height * width * channels);
  requireLength(operation, `${name}, labels`, labels, count);
}

/**
 * Images `start` to `start + count - 1`, sharing the memory of `dataset`.
 *
 * @throws ShapeError where that is no range of 1 or more images within the data set, or the data set has not what it says
 */
export function subset(dataset: ImageDataset, start: number, count: number): ImageDataset {
  requireDataset('subset', dataset);
  requireInteger('subset', 'start', start, 0);
  requireInteger('subset', 'count', count, 1);
  const end = start + count;
  if (end > dataset.count) {
    const got = `images ${start} to ${end - 1}`;
    throw new ShapeError({ operation: 'subset', parameter: 'count', expected: `${dataset.count} images at most`, got });
  }
  const size = dataset.height * dataset.width * dataset.channels;
  return {
    ...dataset,
    count,
    images: dataset.images.subarray(start * size, end * size),
    labels: dataset.labels.subarray(start, end),
  };
}

/**
 * Mean and standard deviation (over all pixels, not a sample of them) of each channel, in units of pixel value / 255. The
 * deviation is at least one step of the pixel values, 1 / 255, so that a channel of one value can be normalised.
 *
 * @throws ShapeError where the data set has not what it says
 */
export function channelStatistics(dataset: ImageDataset): Normalisation {
  requireDataset('channelStatistics', dataset);
  const { images, channels } = dataset;
  const mean: number[] = [];
  const deviation: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    // Counting values is exact and leaves 256 terms to sum.
    const occurrences = new Float64Array(256);
    for (let index = channel; index < images.length; index += channels) occurrences[images[index]!]!++;
    const pixels = images.length / channels;
    const centre = occurrences.reduce((sum, times, value) => sum + times * value, 0) / pixels;
    const variance = occurrences.reduce((sum, times, value) => sum + times * (value - centre) ** 2, 0) / pixels;
    mean.push(centre / 255);
    deviation.push(Math.max(Math.sqrt(variance), 1) / 255);
  }
  return { mean, deviation };
}
