import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { cifarKind, readCifar } from '../../src/io/cifar.js';
import { cifarFile, cifarPixel } from './files.js';

describe('readCifar', () => {
  it('joins the parts and turns planes to pixels', () => {
    const parts = [
      { name: 'one', bytes: cifarFile([[9], [0]]) },
      { name: 'two', bytes: cifarFile([[4]], 2) },
    ];
    const dataset = readCifar(parts, 'cifar10');
    expect(dataset).toMatchObject({ name: 'CIFAR-10', count: 3, height: 32, width: 32, channels: 3, classes: 10 });
    expect(dataset.labels).toEqual(Uint8Array.of(9, 0, 4));
    const expected = Uint8Array.from({ length: 3 * 3072 }, (_, index) => {
      const pixel = Math.floor(index / 3);
      return cifarPixel(pixel >> 10, (pixel >> 5) & 31, pixel & 31, index % 3);
    });
    expect(dataset.images).toEqual(expected);
  });

  it('takes the fine labels of CIFAR-100', () => {
    const bytes = cifarFile([
      [19, 99],
      [3, 42],
    ]);
    const dataset = readCifar([{ name: 'train.bin', bytes }], 'cifar100');
    expect(dataset.classes).toBe(100);
    expect(dataset.labels).toEqual(Uint8Array.of(99, 42));
    expect(dataset.images[3072]).toBe(cifarPixel(1, 0, 0, 0));
  });

  it('refuses files of part of a record', () => {
    const bytes = cifarFile([[1], [2]]);
    for (const length of [0, 1, 3072, 3074, 2 * 3073 - 1]) {
      const read = () => readCifar([{ name: 'cut.bin', bytes: bytes.subarray(0, length) }], 'cifar10');
      expect(read).toThrow(FormatError);
      expect(read).toThrow(
        `cut.bin: expected records of 3073 bytes each, 1 or more, for CIFAR-10 (3074 for CIFAR-100), got ${length} bytes`,
      );
    }
    expect(() => readCifar([], 'cifar10')).toThrow(FormatError);
  });

  it('names the record of a label out of range', () => {
    const read = () => readCifar([{ name: 'bad.bin', bytes: cifarFile([[9], [10]]) }], 'cifar10');
    expect(read).toThrow(FormatError);
    expect(read).toThrow('bad.bin, record 1: expected a label below 10, got 10');
    const fine = () => readCifar([{ name: 'bad.bin', bytes: cifarFile([[0, 100]]) }], 'cifar100');
    expect(fine).toThrow('bad.bin, record 0: expected a label below 100, got 100');
  });
});

describe('cifarKind', () => {
  it.each([
    [[['a.bin', 3073 * 4]], 'cifar10'],
    [
      [
        ['b.bin', 3074 * 2],
        ['c.bin', 3074],
      ],
      'cifar100',
    ],
    [[['data_batch_2.bin', 3072]], 'cifar10'],
    [[['data_batch_2.bin', 3074]], 'cifar100'],
    [[['test.bin', 3072]], 'cifar100'],
    [[['train.bin', 3073 * 3074]], 'cifar100'],
    [[['model.bin', 5]], undefined],
    [[['model.bin', 0]], undefined],
    [[], undefined],
  ] as const)('of %j is %s', (files, kind) => {
    expect(cifarKind(files.map(([name, size]) => ({ name, size })))).toBe(kind);
  });
});
