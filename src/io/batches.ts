import { requireKind } from '../arrays.js';
import { ShapeError } from '../errors.js';
import { requireInteger, requireLength } from './checks.js';
import { type ImageDataset, type Normalisation, requireDataset } from './dataset.js';
import { randomStream, shuffledOrder } from './random.js';

/** How training batches are made of a data set. */
export interface BatchOptions extends Normalisation {
  /** Examples a batch. */
  readonly batch: number;
  /** Decides order, crops and flips; an integer. */
  readonly seed: number;
  /** A new order every epoch; the order of the data set otherwise. */
  readonly shuffle: boolean;
  /** Crops at random from the image with this many pixels of value 0 around it; 0 where left out. */
  readonly padding?: number;
  /** Mirrors left to right every other image, at random; false where left out. */
  readonly flip?: boolean;
}

/** Makes training batches. */
export interface Batcher {
  /**
   * Writes the batch of a step, which depends on the options and the step alone.
   *
   * @param step counted from 0 across epochs
   * @param images [batch, height, width, channels], (value / 255 - mean) / deviation
   * @param labels [batch]
   * @param examples [batch], which of the data set's examples they are; not told where left out
   * @throws ShapeError for a buffer of another kind or size, or a step that is not an integer from 0 up
   */
  fill(step: number, images: Float32Array, labels: Uint32Array, examples?: Uint32Array): void;
}

/** How an image is moved: output pixel (y, x) is input pixel (y + down, x + right), of the mirrored x where `mirror`. */
interface Placement {
  readonly down: number;
  readonly right: number;
  readonly mirror: boolean;
}

const unmoved: Placement = { down: 0, right: 0, mirror: false };

/**
 * Whole batches an epoch; the examples that are left over sit this epoch out.
 *
 * @throws ShapeError where `batch` is not from 1 to the number of examples
 */
export function stepsPerEpoch(dataset: ImageDataset, batch: number): number {
  requireInteger('stepsPerEpoch', 'batch', batch, 1);
  if (batch > dataset.count) {
    const expected = `at most the ${dataset.count} examples of ${dataset.name}`;
    throw new ShapeError({ operation: 'stepsPerEpoch', parameter: 'batch', expected, got: `${batch}` });
  }
  return Math.floor(dataset.count / batch);
}

/**
 * Prepares training batches. The batch of a step is a pure function of options and step, so training can go on from any
 * step; crop and flip of an example depend on seed, epoch and example alone, not on the batch size.
 *
 * @throws ShapeError for options that do not fit the data set or are out of range
 */
export function createBatcher(dataset: ImageDataset, options: BatchOptions): Batcher {
  const { batch, seed, shuffle, padding = 0, flip = false } = options;
  requireDataset('createBatcher', dataset);
  const steps = stepsPerEpoch(dataset, batch);
  if (!Number.isSafeInteger(seed)) throw failure('seed', 'an integer', `${seed}`);
  requireInteger('createBatcher', 'padding', padding, 0);
  const table = normalisedValues('createBatcher', dataset, options);
  const orderOf = cachedOrder(dataset.count, seed, shuffle);

  function placementOf(epoch: number, example: number): Placement {
    if (padding === 0 && !flip) return unmoved;
    const random = randomStream(seed, epoch, example);
    // Always three draws, so that one option does not change what another one draws.
    const down = random.below(2 * padding + 1) - padding;
    const right = random.below(2 * padding + 1) - padding;
    return { down, right, mirror: random.below(2) === 1 && flip };
  }

  function fill(step: number, images: Float32Array, labels: Uint32Array, examples?: Uint32Array): void {
    requireInteger('fill', 'step', step, 0);
    requireBuffers('fill', dataset, batch, images, labels);
    if (examples) requireLength('fill', 'examples', examples, batch);
    const epoch = Math.floor(step / steps);
    const order = orderOf(epoch);
    const first = (step % steps) * batch;
    for (let slot = 0; slot < batch; slot++) {
      const example = order[first + slot]!;
      labels[slot] = dataset.labels[example]!;
      if (examples) examples[slot] = example;
      writeImage(dataset, example, table, placementOf(epoch, example), images, slot);
    }
  }

  return { fill };
}

/**
 * Writes examples `start` to `start + count - 1`, in the order of the data set and unaltered, for evaluation. Where the
 * data set ends before, the rest of the buffers stays as it is.
 *
 * @param images [count, height, width, channels], (value / 255 - mean) / deviation
 * @param labels [count]
 * @returns how many examples were written, 1 to `count`
 * @throws ShapeError for a start outside the data set, a buffer of another kind or size, or a data set that has not what it says
 */
export function fillSequential(
  dataset: ImageDataset,
  start: number,
  count: number,
  normalisation: Normalisation,
  images: Float32Array,
  labels: Uint32Array,
): number {
  requireDataset('fillSequential', dataset);
  requireInteger('fillSequential', 'start', start, 0);
  requireInteger('fillSequential', 'count', count, 1);
  if (start >= dataset.count) {
    const expected = `below the ${dataset.count} examples of ${dataset.name}`;
    throw new ShapeError({ operation: 'fillSequential', parameter: 'start', expected, got: `${start}` });
  }
  requireBuffers('fillSequential', dataset, count, images, labels);
  const table = normalisedValues('fillSequential', dataset, normalisation);
  const filled = Math.min(count, dataset.count - start);
  labels.set(dataset.labels.subarray(start, start + filled));
  for (let slot = 0; slot < filled; slot++) writeImage(dataset, start + slot, table, unmoved, images, slot);
  return filled;
}

function requireBuffers(
  operation: string,
  dataset: ImageDataset,
  batch: number,
  images: Float32Array,
  labels: Uint32Array,
): void {
  requireKind(operation, 'images', images, 'Float32Array');
  requireKind(operation, 'labels', labels, 'Uint32Array');
  requireLength(operation, 'images', images, batch * imageSize(dataset));
  requireLength(operation, 'labels', labels, batch);
}

function failure(parameter: string, expected: string, got: string): ShapeError {
  return new ShapeError({ operation: 'createBatcher', parameter, expected, got });
}

function imageSize(dataset: ImageDataset): number {
  return dataset.height * dataset.width * dataset.channels;
}

/** The order of an epoch, kept until another epoch is asked for. */
function cachedOrder(count: number, seed: number, shuffle: boolean): (epoch: number) => Uint32Array {
  let order: Uint32Array = Uint32Array.from({ length: count }, (_, index) => index);
  if (!shuffle) return () => order;
  let current = -1;
  return (epoch) => {
    if (epoch !== current) {
      order = shuffledOrder(count, seed, epoch);
      current = epoch;
    }
    return order;
  };
}

/** What each pixel value becomes, [channels, 256]. */
function normalisedValues(operation: string, dataset: ImageDataset, { mean, deviation }: Normalisation): Float32Array {
  requireLength(operation, 'mean', mean, dataset.channels);
  requireLength(operation, 'deviation', deviation, dataset.channels);
  if (!mean.every(Number.isFinite)) {
    throw new ShapeError({ operation, parameter: 'mean', expected: 'finite numbers', got: `[${mean}]` });
  }
  if (!deviation.every((value) => Number.isFinite(value) && value > 0)) {
    throw new ShapeError({ operation, parameter: 'deviation', expected: 'numbers above 0', got: `[${deviation}]` });
  }
  return Float32Array.from({ length: dataset.channels * 256 }, (_, index) => {
    const channel = index >> 8;
    return ((index & 255) / 255 - mean[channel]!) / deviation[channel]!;
  });
}

/** Writes one example into its slot of a batch, pixel by pixel; pixels from outside the image have the value 0. */
function writeImage(
  dataset: ImageDataset,
  example: number,
  table: Float32Array,
  { down, right, mirror }: Placement,
  target: Float32Array,
  slot: number,
): void {
  const { height, width, channels, images } = dataset;
  const start = example * height * width * channels;
  let to = slot * height * width * channels;
  for (let y = 0; y < height; y++) {
    const sourceY = y + down;
    const inside = sourceY >= 0 && sourceY < height;
    const row = start + sourceY * width * channels;
    for (let x = 0; x < width; x++) {
      const sourceX = (mirror ? width - 1 - x : x) + right;
      const visible = inside && sourceX >= 0 && sourceX < width;
      const from = row + sourceX * channels;
      for (let channel = 0; channel < channels; channel++) {
        const value = visible ? images[from + channel]! : 0;
        target[to++] = table[(channel << 8) | value]!;
      }
    }
  }
}
