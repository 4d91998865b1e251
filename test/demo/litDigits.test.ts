import { expect, it } from 'vitest';
import { drawnDigits } from '../../src/demo/data/digits.js';
import { litDigits } from '../../src/demo/data/litDigits.js';

it('Handwriting in changing light is the same for a seed, of the same digits, brighter where there is ink, in every picture', () => {
  const lit = litDigits('lit', 200, 3);
  const clear = drawnDigits('clear', 200, 3);
  expect(litDigits('lit', 200, 3)).toEqual(lit);
  expect(litDigits('lit', 200, 4).images).not.toEqual(lit.images);
  expect(lit.labels).toEqual(clear.labels);
  const brightness: number[] = [];
  for (let index = 0; index < lit.count; index++) {
    const own = lit.images.subarray(index * 784, (index + 1) * 784);
    const mean = (inked: boolean): number => {
      const pixels = own.filter((_, pixel) => clear.images[index * 784 + pixel]! > 200 === inked);
      return pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    };
    expect(mean(true)).toBeGreaterThan(1.2 * mean(false));
    brightness.push(mean(false));
  }
  expect(Math.max(...brightness)).toBeGreaterThan(6 * Math.min(...brightness));
});
