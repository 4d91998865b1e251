import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { hash32, randomStream, shuffledOrder } from '../../src/io/random.js';

describe('hash32', () => {
  it('depends on every word, their order and their number', () => {
    const hashes = [[], [0], [0, 0], [1, 0], [0, 1], [1], [2 ** 31], [-1], [1, 2, 3], [3, 2, 1]].map((words) =>
      hash32(...words),
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('takes integers modulo 2^32', () => {
    expect(hash32(-1)).toBe(hash32(2 ** 32 - 1));
    fc.assert(
      fc.property(fc.array(fc.integer()), (words) => {
        const hash = hash32(...words);
        expect(Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32).toBe(true);
      }),
    );
  });

  it('turns about half of its bits when one bit of a word turns', () => {
    let turned = 0;
    for (let bit = 0; bit < 32; bit++) {
      for (let word = 0; word < 256; word++) {
        let difference = hash32(7, word) ^ hash32(7, word ^ (1 << bit));
        for (; difference !== 0; difference &= difference - 1) turned++;
      }
    }
    expect(turned / (32 * 256)).toBeGreaterThan(15.5);
    expect(turned / (32 * 256)).toBeLessThan(16.5);
  });
});

describe('randomStream', () => {
  const draws = (count: number, seed: number, ...keys: number[]) => {
    const random = randomStream(seed, ...keys);
    return Array.from({ length: count }, () => random.next());
  };

  it('is the same for the same seed and keys, and another for others', () => {
    expect(draws(100, 1, 2, 3)).toEqual(draws(100, 1, 2, 3));
    const streams = [
      draws(100, 1, 2, 3),
      draws(100, 1, 3, 2),
      draws(100, 2, 2, 3),
      draws(100, 1, 2),
      draws(100, 1, 2, 2),
    ];
    expect(new Set(streams.flat()).size).toBe(500);
  });

  it('is even', () => {
    const random = randomStream(42);
    const bins = new Uint32Array(100);
    let sum = 0;
    let within = true;
    for (let draw = 0; draw < 100_000; draw++) {
      bins[random.below(100)]!++;
      const value = random.uniform();
      within &&= value >= 0 && value < 1;
      sum += value;
    }
    expect(within).toBe(true);
    // Chi-squared with 99 degrees of freedom has mean 99 and deviation 14.
    const chi = bins.reduce((total, count) => total + (count - 1000) ** 2 / 1000, 0);
    expect(chi).toBeLessThan(99 + 4 * 14);
    expect(chi).toBeGreaterThan(99 - 4 * 14);
    expect(Math.abs(sum / 100_000 - 0.5)).toBeLessThan(4 / Math.sqrt(12 * 100_000));
  });

  it('has first draws that are even over neighbouring keys', () => {
    const bins = new Uint32Array(9);
    for (let key = 0; key < 9000; key++) bins[randomStream(1, 0, key).below(9)]!++;
    const chi = bins.reduce((total, count) => total + (count - 1000) ** 2 / 1000, 0);
    expect(chi).toBeLessThan(8 + 4 * 4);
  });
});

describe('shuffledOrder', () => {
  it('holds every index once', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer(), fc.nat(), (count, seed, epoch) => {
        expect(shuffledOrder(count, seed, epoch).toSorted()).toEqual(Uint32Array.from({ length: count }, (_, i) => i));
      }),
    );
  });

  it('depends on seed and epoch alone', () => {
    const order = shuffledOrder(50, 3, 0);
    expect(shuffledOrder(50, 3, 0)).toEqual(order);
    expect(shuffledOrder(50, 3, 1)).not.toEqual(order);
    expect(shuffledOrder(50, 4, 0)).not.toEqual(order);
  });

  it('reaches all orders about equally often', () => {
    const times = new Map<string, number>();
    for (let epoch = 0; epoch < 6000; epoch++) {
      const order = shuffledOrder(3, 0, epoch).join();
      times.set(order, (times.get(order) ?? 0) + 1);
    }
    expect(times.size).toBe(6);
    for (const count of times.values()) expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(1000 * (5 / 6)));
  });

  it('refuses a count that is none', () => {
    for (const count of [-1, 1.5, Number.NaN]) expect(() => shuffledOrder(count, 0, 0)).toThrow(ShapeError);
  });
});
