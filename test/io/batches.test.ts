import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { type BatchOptions, createBatcher, fillSequential, stepsPerEpoch } from '../../src/io/batches.js';
import type { ImageDataset } from '../../src/io/dataset.js';

const size = 4 * 5 * 2;

/** 11 images in which no two pixels of a channel are alike; label = number of the image. */
const dataset: ImageDataset = {
  name: 'numbers',
  count: 11,
  height: 4,
  width: 5,
  channels: 2,
  classes: 11,
  images: Uint8Array.from(
    { length: 11 * size },
    (_, index) => 1 + ((index >> 1) % 20) + Math.floor(index / size) * 20 + (index & 1) * 7,
  ),
  labels: Uint8Array.from({ length: 11 }, (_, index) => index),
};
const mean = [0.25, 0.5];
const deviation = [0.5, 2];
const plain: BatchOptions = { batch: 3, seed: 1, shuffle: false, mean, deviation };

function normalised(value: number, channel: number): number {
  return Math.fround((value / 255 - mean[channel]!) / deviation[channel]!);
}

function pixel(example: number, y: number, x: number, channel: number): number {
  if (y < 0 || y >= 4 || x < 0 || x >= 5) return 0;
  return dataset.images[((example * 4 + y) * 5 + x) * 2 + channel]!;
}

/** Image `example`, cropped from `down`, `right` and then mirrored. */
function placed(example: number, down: number, right: number, mirror: boolean): Float32Array {
  return Float32Array.from({ length: size }, (_, index) => {
    const y = Math.floor(index / 10);
    const x = (index >> 1) % 5;
    return normalised(pixel(example, y + down, (mirror ? 4 - x : x) + right, index & 1), index & 1);
  });
}

function batchOf(options: BatchOptions, step: number, batcher = createBatcher(dataset, options)) {
  const images = new Float32Array(options.batch * size).fill(Number.NaN);
  const labels = new Uint32Array(options.batch).fill(99);
  batcher.fill(step, images, labels);
  return { images, labels };
}

/** What became of every example in an epoch. */
function epochOf(options: BatchOptions, epoch: number): Map<number, Float32Array> {
  const batcher = createBatcher(dataset, options);
  const seen = new Map<number, Float32Array>();
  const steps = stepsPerEpoch(dataset, options.batch);
  for (let step = epoch * steps; step < (epoch + 1) * steps; step++) {
    const { images, labels } = batchOf(options, step, batcher);
    for (const [slot, label] of labels.entries()) {
      expect(seen.has(label)).toBe(false);
      seen.set(label, images.slice(slot * size, (slot + 1) * size));
    }
  }
  return seen;
}

describe('stepsPerEpoch', () => {
  it('leaves out the last, partial batch', () => {
    expect([1, 3, 5, 11].map((batch) => stepsPerEpoch(dataset, batch))).toEqual([11, 3, 2, 1]);
  });

  it('refuses batches that the data set cannot fill', () => {
    for (const batch of [0, -1, 1.5, 12]) expect(() => stepsPerEpoch(dataset, batch)).toThrow(ShapeError);
  });
});

describe('createBatcher', () => {
  it('gives normalised images in the order of the data set', () => {
    const { images, labels } = batchOf(plain, 2);
    expect(labels).toEqual(Uint32Array.of(6, 7, 8));
    expect(images).toEqual(Float32Array.from([6, 7, 8].flatMap((example) => [...placed(example, 0, 0, false)])));
    expect(batchOf(plain, 3).labels).toEqual(Uint32Array.of(0, 1, 2));
  });

  it('makes a batch of options and step alone, whatever was made before', () => {
    const options = { ...plain, shuffle: true, padding: 2, flip: true };
    const used = createBatcher(dataset, options);
    fc.assert(
      fc.property(fc.nat(1000), (step) => {
        expect(batchOf(options, step, used)).toEqual(batchOf(options, step));
      }),
    );
  });

  it('shows every example once an epoch, in another order each', () => {
    const options = { ...plain, batch: 11, shuffle: true };
    const orders = [0, 1, 2].map((epoch) => batchOf(options, epoch).labels);
    for (const order of orders) expect(order.toSorted()).toEqual(Uint32Array.from(dataset.labels));
    expect(new Set(orders.map(String)).size).toBe(3);
    expect(batchOf({ ...options, seed: 2 }, 0).labels).not.toEqual(orders[0]);
  });

  it('crops and mirrors by seed, epoch and example, whatever the batch size', () => {
    const options = { ...plain, shuffle: true, padding: 1, flip: true };
    const whole = epochOf({ ...options, batch: 11 }, 4);
    for (const batch of [1, 3, 5]) {
      for (const [example, image] of epochOf({ ...options, batch }, 4)) expect(image).toEqual(whole.get(example));
    }
    for (const [example, image] of epochOf({ ...options, shuffle: false }, 4))
      expect(image).toEqual(whole.get(example));
    expect(epochOf({ ...options, batch: 11 }, 5)).not.toEqual(whole);
    expect(epochOf({ ...options, batch: 11, seed: 7 }, 4)).not.toEqual(whole);
  });

  it('reaches every crop, mirrored and not, and nothing else', () => {
    const options = { ...plain, batch: 11, padding: 1, flip: true };
    const reached = new Set<string>();
    for (let epoch = 0; epoch < 40; epoch++) {
      for (const [example, image] of epochOf(options, epoch)) {
        const found = [false, true].flatMap((mirror) =>
          [-1, 0, 1].flatMap((down) =>
            [-1, 0, 1]
              .filter((right) => placed(example, down, right, mirror).every((value, index) => value === image[index]))
              .map((right) => `${down} ${right} ${mirror}`),
          ),
        );
        expect(found.length).toBe(1);
        reached.add(found[0]!);
      }
    }
    expect(reached.size).toBe(18);
  });

  it('neither crops without padding nor mirrors unasked', () => {
    for (const [example, image] of epochOf({ ...plain, flip: true }, 1)) {
      expect([placed(example, 0, 0, false), placed(example, 0, 0, true)]).toContainEqual(image);
    }
    const mirrored = [...epochOf({ ...plain, batch: 11, padding: 1 }, 1)].filter(([example, image]) =>
      [-1, 0, 1].every((down) => [-1, 0, 1].every((right) => `${placed(example, down, right, false)}` !== `${image}`)),
    );
    expect(mirrored).toEqual([]);
  });

  it('fills with pixels of value 0 where the padding is larger than the image', () => {
    const dark = [normalised(0, 0), normalised(0, 1)];
    const images = [...epochOf({ ...plain, batch: 11, padding: 50 }, 0).values()];
    const outside = images.filter((image) => image.every((value, index) => value === dark[index & 1]));
    expect(outside.length).toBeGreaterThan(5);
  });

  it('refuses options that do not fit', () => {
    const bad: Partial<BatchOptions>[] = [
      { batch: 0 },
      { batch: 12 },
      { seed: 0.5 },
      { padding: -1 },
      { padding: 0.5 },
      { mean: [0] },
      { mean: [0, Number.NaN] },
      { deviation: [1] },
      { deviation: [1, 0] },
      { deviation: [1, Number.POSITIVE_INFINITY] },
    ];
    for (const change of bad) expect(() => createBatcher(dataset, { ...plain, ...change })).toThrow(ShapeError);
  });

  it('refuses buffers of another size and steps that are none', () => {
    const batcher = createBatcher(dataset, plain);
    const images = new Float32Array(3 * size);
    const labels = new Uint32Array(3);
    expect(() => batcher.fill(0, new Float32Array(3 * size - 1), labels)).toThrow(ShapeError);
    expect(() => batcher.fill(0, images, new Uint32Array(4))).toThrow(ShapeError);
    for (const step of [-1, 0.5, Number.NaN]) expect(() => batcher.fill(step, images, labels)).toThrow(ShapeError);
  });
});

describe('fillSequential', () => {
  it('gives every example once, the last batch short', () => {
    const images = new Float32Array(4 * size).fill(-5);
    const labels = new Uint32Array(4).fill(99);
    expect(fillSequential(dataset, 4, 4, { mean, deviation }, images, labels)).toBe(4);
    expect(labels).toEqual(Uint32Array.of(4, 5, 6, 7));
    labels.fill(99);
    images.fill(-5);
    expect(fillSequential(dataset, 8, 4, { mean, deviation }, images, labels)).toBe(3);
    expect(labels).toEqual(Uint32Array.of(8, 9, 10, 99));
    expect(images.subarray(0, 3 * size)).toEqual(
      Float32Array.from([8, 9, 10].flatMap((example) => [...placed(example, 0, 0, false)])),
    );
    expect(images.subarray(3 * size)).toEqual(new Float32Array(size).fill(-5));
  });

  it('refuses starts outside the data set and buffers of another size', () => {
    const labels = new Uint32Array(1);
    const images = new Float32Array(size);
    const normalisation = { mean, deviation };
    for (const start of [-1, 11, 0.5]) {
      expect(() => fillSequential(dataset, start, 1, normalisation, images, labels)).toThrow(ShapeError);
    }
    expect(() => fillSequential(dataset, 0, 0, normalisation, images, labels)).toThrow(ShapeError);
    expect(() => fillSequential(dataset, 0, 2, normalisation, images, labels)).toThrow(ShapeError);
    expect(() => fillSequential(dataset, 0, 1, normalisation, images, new Uint32Array(2))).toThrow(ShapeError);
    expect(() => fillSequential(dataset, 0, 1, { mean: [0], deviation }, images, labels)).toThrow(ShapeError);
  });
});
