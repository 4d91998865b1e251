import { describe, expect, it } from 'vitest';
import { pairedDifference } from '../../src/measure/pairedDifference.js';

describe('pairedDifference', () => {
  it('is the mean with the interval of a t test', () => {
    const { mean, low, high } = pairedDifference([1, 2, 3, 4, 10], [2, 2, 5, 3, 12]);
    expect(mean).toBeCloseTo(-0.8, 12);
    // The differences -1, 0, -2, 1, -2 deviate by the square root of 1.7; t is 2.77645 for 4 degrees of freedom.
    expect(low).toBeCloseTo(-0.8 - 2.77645 * Math.sqrt(1.7 / 5), 5);
    expect(high).toBeCloseTo(-0.8 + 2.77645 * Math.sqrt(1.7 / 5), 5);
  });

  it('has no width where all pairs differ alike', () => {
    expect(pairedDifference([3, 4, 5], [2, 3, 4])).toEqual({ mean: 1, low: 1, high: 1 });
  });

  it('knows nothing of the spread of a single pair', () => {
    expect(pairedDifference([3], [5])).toEqual({ mean: -2, low: -Infinity, high: Infinity });
  });

  it('comes to the normal interval for many pairs', () => {
    const one = Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? 1 : -1));
    const { low, high } = pairedDifference(one, Array<number>(1000).fill(0));
    expect(high).toBeCloseTo(1.9623 * Math.sqrt(1000 / 999 / 1000), 5);
    expect(low).toBe(-high);
  });

  it('covers the true difference in 95 of 100 small samples', () => {
    let state = 1;
    const uniform = (): number => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    const trials = 4000;
    let covered = 0;
    for (let trial = 0; trial < trials; trial++) {
      const { low, high } = pairedDifference(Array.from({ length: 5 }, normal), [0, 0, 0, 0, 0]);
      if (low <= 0 && high >= 0) covered++;
    }
    expect(covered / trials).toBeGreaterThan(0.94);
    expect(covered / trials).toBeLessThan(0.96);
  });
});
