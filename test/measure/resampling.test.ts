import { describe, expect, it } from 'vitest';
import { bootstrapInterval, signTest } from '../../src/measure/resampling.js';
import { studentQuantile } from '../../src/measure/student.js';
import { uniform } from '../support/random.js';

describe('studentQuantile', () => {
  it('is what tables have', () => {
    for (const [share, freedom, expected] of [
      [0.95, 1, 12.7062],
      [0.95, 2, 4.3027],
      [0.95, 7, 2.3646],
      [0.95, 30, 2.0423],
      [0.99, 1, 63.6567],
      [0.99, 7, 3.4995],
      [0.99, 15, 2.9467],
      [0.5, 4, 0.7407],
      [0.95, 1000, 1.96234],
    ] as const) {
      expect(Math.abs(studentQuantile(share, freedom) / expected - 1), `${share} ${freedom}`).toBeLessThan(1e-4);
    }
  });
});

describe('bootstrapInterval', () => {
  it('lies around the mean, as wide as the deviation of means', () => {
    const values = [...uniform(400, 3)];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const error = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / values.length;
    const { low, high } = bootstrapInterval(values);
    expect((high - mean) / error).toBeCloseTo(1.96, 0);
    expect((mean - low) / error).toBeCloseTo(1.96, 0);
    expect(bootstrapInterval(values)).toEqual({ low, high });
  });

  it('is the value where all are alike', () => {
    expect(bootstrapInterval([2, 2, 2])).toEqual({ low: 2, high: 2 });
  });
});

describe('signTest', () => {
  it('is twice the tail of the coins, and 1 where it is even', () => {
    expect(signTest([-1, -2, -3, -4, -5, -6, -7, -8])).toEqual({ below: 8, above: 0, p: 2 / 256 });
    expect(signTest([-1, -2, -3, -4, -5, -6, -7, 8]).p).toBeCloseTo((2 * 9) / 256, 12);
    expect(signTest([-1, 1, -1, 1])).toEqual({ below: 2, above: 2, p: 1 });
    expect(signTest([0, 0, -3])).toEqual({ below: 1, above: 0, p: 1 });
    expect(signTest([])).toEqual({ below: 0, above: 0, p: 1 });
  });
});
