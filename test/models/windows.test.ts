import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { windowOutput } from '../../src/ops/windows.js';
import { expectError } from './errors.js';

describe('windowOutput', () => {
  it('counts the places where the whole window lies in the padded input', () => {
    const sizes = fc.record({
      size: fc.integer({ min: 1, max: 20 }),
      kernel: fc.integer({ min: 1, max: 7 }),
      stride: fc.integer({ min: 1, max: 4 }),
      padding: fc.integer({ min: 0, max: 4 }),
      dilation: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(sizes, ({ size, kernel, stride, padding, dilation }) => {
        const padded = size + 2 * padding;
        let places = 0;
        for (let start = 0; start + dilation * (kernel - 1) < padded; start += stride) places++;
        const count = () => windowOutput(size, kernel, stride, padding, dilation);
        if (places > 0) expect(count()).toBe(places);
        else expect(count).toThrow(ShapeError);
      }),
    );
  });

  const wrong: [parameter: string, values: [number, number, number, number, number]][] = [
    ['size', [0, 3, 1, 1, 1]],
    ['kernel', [8, 0, 1, 1, 1]],
    ['kernel', [8, 2.5, 1, 1, 1]],
    ['stride', [8, 3, 0, 1, 1]],
    ['stride', [8, 3, Number.NaN, 1, 1]],
    ['padding', [8, 3, 1, -1, 1]],
    ['padding', [8, 3, 1, 0.5, 1]],
    ['dilation', [8, 3, 1, 1, 0]],
    ['dilation', [8, 3, 1, 1, Number.POSITIVE_INFINITY]],
  ];
  it.each(wrong)('refuses a wrong %s: %j', (parameter, values) => {
    expectError(() => windowOutput(...values), ShapeError, { operation: 'windowOutput', parameter });
  });

  it('says how large a window may be', () => {
    expectError(() => windowOutput(5, 4, 1, 1, 3), ShapeError, {
      parameter: 'kernel',
      expected: 'a window of at most 7 elements, the padded input',
      got: '10',
    });
  });

  it('names the place it is told', () => {
    const place = { operation: 'maxPool', prefix: 'pool.' };
    expectError(() => windowOutput(5, 2, 0, 0, 1, place), ShapeError, {
      operation: 'maxPool',
      parameter: 'pool.stride',
      got: '0',
    });
  });
});
