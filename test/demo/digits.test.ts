import { describe, expect, it } from 'vitest';
import { digitSide, digitStrokes, drawnDigits } from '../../src/demo/data/digits.js';

describe('Handwriting made up', () => {
  const data = drawnDigits('digits', 200, 3);

  it('is the same for a seed, another one for another, and has every digit alike often', () => {
    expect(drawnDigits('digits', 200, 3)).toEqual(data);
    expect(drawnDigits('digits', 200, 4).images).not.toEqual(data.images);
    for (let digit = 0; digit < 10; digit++) expect(data.labels.filter((label) => label === digit)).toHaveLength(20);
  });

  it('has ink in every picture, next to none on its rim, and its centre of mass near the middle', () => {
    for (let index = 0; index < data.count; index++) {
      const picture = data.images.subarray(index * digitSide ** 2, (index + 1) * digitSide ** 2);
      let [mass, x, y, rim] = [0, 0, 0, 0];
      picture.forEach((ink, pixel) => {
        const [column, row] = [pixel % digitSide, Math.floor(pixel / digitSide)];
        mass += ink;
        x += ink * (column + 0.5);
        y += ink * (row + 0.5);
        if ([0, digitSide - 1].includes(column) || [0, digitSide - 1].includes(row)) rim += ink;
      });
      expect(mass / 255).toBeGreaterThan(25);
      expect(mass / 255).toBeLessThan(300);
      expect(Math.abs(x / mass - digitSide / 2)).toBeLessThan(1.5);
      expect(Math.abs(y / mass - digitSide / 2)).toBeLessThan(1.5);
      expect(rim / mass).toBeLessThan(0.08);
    }
  });

  it('comes as strokes within a square, too', () => {
    for (let digit = 0; digit < 10; digit++) {
      const points = digitStrokes(digit, 7).flat();
      expect(points.length).toBeGreaterThan(10);
      for (const coordinate of points.flat()) {
        expect(coordinate).toBeGreaterThan(0);
        expect(coordinate).toBeLessThan(1);
      }
    }
  });
});
