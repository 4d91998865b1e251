import { describe, expect, it } from 'vitest';
import { suiteMeans } from '../../bench/report/means.js';
import { geometricMean, median, ratioOfMedians } from '../../src/measure/statistics.js';
import { row } from '../bench/rows.js';

describe('median', () => {
  it('is the middle value, in whatever order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4])).toBe(4);
  });

  it('is the mean of the two middle values of an even number', () => {
    expect(median([10, 1, 2, 4])).toBe(3);
  });

  it('leaves its values alone', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('geometricMean', () => {
  it('of ratios and their inverses is 1', () => {
    expect(geometricMean([4, 0.25, 10, 0.1])).toBeCloseTo(1, 12);
  });

  it('of 2 and 8 is 4', () => {
    expect(geometricMean([2, 8])).toBeCloseTo(4, 12);
  });
});

describe('ratioOfMedians', () => {
  it('has no width where all pairs are alike', () => {
    expect(ratioOfMedians([6, 6, 6], [2, 2, 2])).toEqual({ ratio: 3, low: 3, high: 3 });
  });

  it('spans the least and the largest ratio of three pairs, which every seventh resample shows', () => {
    expect(ratioOfMedians([10, 20, 30], [1, 1, 1])).toEqual({ ratio: 20, low: 10, high: 30 });
  });

  it('keeps pairs together', () => {
    const slow = [1, 2, 4, 8, 16, 32, 64];
    const { ratio, low, high } = ratioOfMedians(
      slow.map((time) => 3 * time),
      slow,
    );
    expect([ratio, low, high]).toEqual([3, 3, 3]);
  });

  it('narrows with the number of samples, around the ratio', () => {
    const noisy = (count: number): number[] => Array.from({ length: count }, (_, i) => 100 + ((37 * i) % 41));
    const width = (count: number): number => {
      const { ratio, low, high } = ratioOfMedians(noisy(count), Array<number>(count).fill(50));
      expect(low).toBeLessThanOrEqual(ratio);
      expect(high).toBeGreaterThanOrEqual(ratio);
      return high - low;
    };
    expect(width(160)).toBeLessThan(width(10));
  });

  it('is the same on every call', () => {
    const [a, b] = [
      [5, 6, 9, 7, 6],
      [2, 3, 2, 4, 3],
    ] as const;
    expect(ratioOfMedians(a, b)).toEqual(ratioOfMedians(a, b));
  });
});

describe('suiteMeans', () => {
  it('takes the rows of a suite, pass and peer together, without those that have no ratio', () => {
    const rows = [
      row({ ratio: 2 }),
      row({ ratio: 8 }),
      row({ ratio: null }),
      row({ pass: 'filterGradient', ratio: 5 }),
      row({ suite: 'ic', ratio: 1.1 }),
      row({ peer: { name: 'Third', version: '1', waiting: 'in vain' }, ratio: 3 }),
      row({ peer: null, ratio: null }),
    ];
    const told = suiteMeans(rows).map(({ peer, mean, ...more }) => ({
      ...more,
      peer: peer.name,
      mean: Number(mean.toFixed(9)),
    }));
    expect(told).toEqual([
      { suite: 'conv', pass: 'forward', peer: 'Other', rows: 2, mean: 4 },
      { suite: 'conv', pass: 'filterGradient', peer: 'Other', rows: 1, mean: 5 },
      { suite: 'ic', pass: 'forward', peer: 'Other', rows: 1, mean: 1.1 },
      { suite: 'conv', pass: 'forward', peer: 'Third', rows: 1, mean: 3 },
    ]);
  });
});
