import { describe, expect, it } from 'vitest';
import { digitOfInk, type GreyPicture, greyOf, inkOfPhotograph } from '../../src/demo/worker/ink.js';

/** White on black: a bar of the given box. */
function bar(width: number, height: number, left: number, top: number, right: number, bottom: number): GreyPicture {
  const values = new Float32Array(width * height);
  for (let y = top; y < bottom; y++) values.fill(1, y * width + left, y * width + right);
  return { width, height, values };
}

function boxOf(picture: Uint8Array, width: number): { left: number; right: number; top: number; bottom: number } {
  const inked = [...picture.keys()].filter((pixel) => picture[pixel]! > 127);
  const columns = inked.map((pixel) => pixel % width);
  const rows = inked.map((pixel) => Math.floor(pixel / width));
  return {
    left: Math.min(...columns),
    right: Math.max(...columns) + 1,
    top: Math.min(...rows),
    bottom: Math.max(...rows) + 1,
  };
}

describe('digitOfInk', () => {
  it('makes ink 20 of 28 pixels long and puts it into the middle, wherever it was and however large', () => {
    for (const [left, top, right, bottom] of [
      [10, 20, 30, 120],
      [200, 3, 240, 203],
      [130, 130, 133, 145],
    ] as const) {
      const digit = digitOfInk(bar(280, 280, left, top, right, bottom), 28, 28);
      const box = boxOf(digit, 28);
      expect(box.top).toBe(4);
      expect(box.bottom).toBe(24);
      const width = ((right - left) / (bottom - top)) * 20;
      expect(Math.abs(box.right - box.left - width)).toBeLessThanOrEqual(1);
      expect(Math.abs((box.left + box.right) / 2 - 14)).toBeLessThanOrEqual(0.5);
    }
  });

  it('gives a black picture where there is no ink', () => {
    expect(digitOfInk(bar(50, 50, 0, 0, 0, 0), 28, 28).every((value) => value === 0)).toBe(true);
  });
});

describe('inkOfPhotograph', () => {
  it('finds dark ink on light paper and light ink on dark paper', () => {
    const ink = bar(64, 64, 20, 10, 30, 50);
    for (const [paper, pen] of [
      [0.8, 0.2],
      [0.1, 0.9],
    ] as const) {
      const photograph = { ...ink, values: ink.values.map((value) => paper + (pen - paper) * value) };
      expect(inkOfPhotograph(photograph).values).toEqual(ink.values);
    }
  });

  it('takes faint shadows for paper', () => {
    const ink = bar(64, 64, 20, 10, 30, 50);
    const shadowed = {
      ...ink,
      values: ink.values.map((value, index) => 0.8 - 0.6 * value - (index % 64 > 40 ? 0.15 : 0)),
    };
    expect(inkOfPhotograph(shadowed).values).toEqual(ink.values);
  });
});

describe('greyOf', () => {
  it('weighs the colours and takes what is transparent for black', () => {
    const pixels = Uint8ClampedArray.of(255, 255, 255, 255, 255, 255, 255, 0, 255, 0, 0, 255);
    const { values } = greyOf(pixels, 3, 1);
    expect(values[0]).toBeCloseTo(1, 5);
    expect(values[1]).toBe(0);
    expect(values[2]).toBeCloseTo(0.299, 5);
  });
});
