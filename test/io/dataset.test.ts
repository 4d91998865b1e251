import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { channelStatistics, fromIdx, subset } from '../../src/io/dataset.js';

const images = { shape: [3, 2, 2], data: Uint8Array.from({ length: 12 }, (_, index) => index) };
const labels = { shape: [3], data: Uint8Array.of(1, 4, 0) };

describe('fromIdx', () => {
  it('takes gray and colour images', () => {
    const gray = fromIdx('gray', images, labels);
    expect(gray).toMatchObject({ name: 'gray', count: 3, height: 2, width: 2, channels: 1, classes: 5 });
    expect(gray.images).toBe(images.data);
    const colour = fromIdx('colour', { shape: [3, 1, 2, 2], data: images.data }, labels, 10);
    expect(colour).toMatchObject({ height: 1, width: 2, channels: 2, classes: 10 });
  });

  it('refuses arrays that do not fit each other', () => {
    expect(() => fromIdx('x', { ...images, shape: [3, 4] }, labels)).toThrow(ShapeError);
    expect(() => fromIdx('x', { ...images, shape: [3, 2, 2, 1, 1] }, labels)).toThrow(ShapeError);
    expect(() => fromIdx('x', images, { ...labels, shape: [3, 1] })).toThrow(ShapeError);
    expect(() => fromIdx('x', images, { shape: [2], data: Uint8Array.of(0, 1) })).toThrow(
      'fromIdx: labels: expected [3], one for each image, got [2]',
    );
    expect(() => fromIdx('x', { ...images, data: new Uint8Array(11) }, labels)).toThrow(ShapeError);
    expect(() => fromIdx('x', images, { ...labels, data: new Uint8Array(4) })).toThrow(ShapeError);
  });

  it('refuses labels that are not below the classes', () => {
    expect(() => fromIdx('x', images, labels, 4)).toThrow('expected labels below 4, got 4 for image 1');
    for (const classes of [0, 2.5, 257]) expect(() => fromIdx('x', images, labels, classes)).toThrow(ShapeError);
  });
});

describe('subset', () => {
  const dataset = fromIdx('all', images, labels);

  it('shares the images of its range', () => {
    const part = subset(dataset, 1, 2);
    expect(part).toMatchObject({ count: 2, classes: 5, name: 'all' });
    expect(part.images).toEqual(Uint8Array.of(4, 5, 6, 7, 8, 9, 10, 11));
    expect(part.labels).toEqual(Uint8Array.of(4, 0));
    expect(part.images.buffer).toBe(images.data.buffer);
    expect(subset(part, 1, 1).labels).toEqual(Uint8Array.of(0));
  });

  it('refuses a range outside the data set', () => {
    for (const [start, count] of [
      [0, 4],
      [2, 2],
      [3, 1],
      [-1, 1],
      [0, 0],
      [0.5, 1],
    ] as const) {
      expect(() => subset(dataset, start, count)).toThrow(ShapeError);
    }
  });
});

describe('channelStatistics', () => {
  it('agrees with the definition', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(255), { minLength: 8, maxLength: 80 }),
        (channels, values) => {
          const width = Math.floor(values.length / channels);
          const data = Uint8Array.from(values.slice(0, width * channels));
          const dataset = fromIdx(
            'x',
            { shape: [1, 1, width, channels], data },
            { shape: [1], data: Uint8Array.of(0) },
          );
          const { mean, deviation } = channelStatistics(dataset);
          expect(mean.length).toBe(channels);
          for (let channel = 0; channel < channels; channel++) {
            const own = [...data].filter((_, index) => index % channels === channel).map((value) => value / 255);
            const centre = own.reduce((a, b) => a + b, 0) / width;
            const variance = own.reduce((sum, value) => sum + (value - centre) ** 2, 0) / width;
            expect(mean[channel]).toBeCloseTo(centre, 12);
            expect(deviation[channel]).toBeCloseTo(Math.max(Math.sqrt(variance), 1 / 255), 12);
          }
        },
      ),
    );
  });

  it('stays above 0 for a channel of one value', () => {
    const flat = fromIdx(
      'flat',
      { shape: [1, 2, 2], data: new Uint8Array(4).fill(255) },
      { ...labels, shape: [1], data: Uint8Array.of(0) },
    );
    expect(channelStatistics(flat)).toEqual({ mean: [1], deviation: [1 / 255] });
  });
});
