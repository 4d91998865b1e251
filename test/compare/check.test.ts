import { describe, expect, it } from 'vitest';
import { checkSame, MismatchError, magnitude, sumTolerance } from '../../src/compare/check.js';

describe('checkSame', () => {
  it('takes what lies within the tolerance', () => {
    expect(() => checkSame([1, 2], [1.5, 1.5], 0.5)).not.toThrow();
  });

  it('names the worst element', () => {
    expect(() => checkSame([1, 2, 3], [1.2, 4, 3], 0.5)).toThrow(
      new MismatchError('results differ: 2 and 4 at [1], further apart than 0.500'),
    );
  });

  it('refuses what is not a number, and another size', () => {
    expect(() => checkSame([1, Number.NaN, 9], [1, 2, 0], 100)).toThrow(/NaN and 2 at \[1\]/);
    expect(() => checkSame([1], [1, 2], 1)).toThrow(/size: 1 and 2/);
  });
});

it('a wrong tap is far beyond the tolerance of the longest sums of the bench', () => {
  expect(sumTolerance(512 * 9)).toBeLessThan(0.01);
});

it('magnitude is the largest absolute value', () => {
  expect(magnitude([1, -3, 2])).toBe(3);
});
