import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import {
  poolOutputs,
  shortestPadding,
  sidesOf,
  transposedOutputs,
  windowOutput,
  windowOutputs,
} from '../../src/ops/windows.js';
import { expectError } from './errors.js';

const axis = { kernel: 3, stride: 1, padding: [1, 1], dilation: 1, ceilMode: false } as const;

describe('windowOutput', () => {
  const sizes = fc.record({
    size: fc.integer({ min: 1, max: 20 }),
    kernel: fc.integer({ min: 1, max: 7 }),
    stride: fc.integer({ min: 1, max: 4 }),
    padding: fc.tuple(fc.nat(4), fc.nat(4)),
    dilation: fc.integer({ min: 1, max: 3 }),
  });

  it('counts the places where the whole window lies in the padded input', () => {
    fc.assert(
      fc.property(sizes, ({ size, ...windows }) => {
        const { kernel, stride, padding, dilation } = windows;
        const padded = size + padding[0] + padding[1];
        let places = 0;
        for (let start = 0; start + dilation * (kernel - 1) < padded; start += stride) places++;
        const count = () => windowOutput(size, { ...windows, ceilMode: false });
        if (places > 0) expect(count()).toBe(places);
        else expect(count).toThrow(ShapeError);
      }),
    );
  });

  it('rounds up in ceil mode, and leaves out a last window that would start behind the input, as PyTorch does', () => {
    fc.assert(
      fc.property(sizes, ({ size, ...windows }) => {
        const { kernel, stride, padding, dilation } = windows;
        // pooling_output_shape of PyTorch.
        const rest = size + padding[0] + padding[1] - dilation * (kernel - 1) - 1;
        let places = Math.floor((rest + stride - 1) / stride) + 1;
        if ((places - 1) * stride >= size + padding[0]) places--;
        const count = () => windowOutput(size, { ...windows, ceilMode: true });
        if (rest + stride > 0) expect(count()).toBe(places);
        else expect(count).toThrow(ShapeError);
      }),
    );
  });

  const wrong: [parameter: string, size: number, windows: object][] = [
    ['size', 0, {}],
    ['kernel', 8, { kernel: 0 }],
    ['kernel', 8, { kernel: 2.5 }],
    ['stride', 8, { stride: 0 }],
    ['stride', 8, { stride: Number.NaN }],
    ['padding', 8, { padding: [-1, 1] }],
    ['padding', 8, { padding: [1, 0.5] }],
    ['dilation', 8, { dilation: 0 }],
    ['dilation', 8, { dilation: Number.POSITIVE_INFINITY }],
  ];
  it.each(wrong)('refuses a wrong %s: %j, %j', (parameter, size, windows) => {
    const named = { operation: 'windowOutput', parameter };
    expectError(() => windowOutput(size, { ...axis, ...windows }), ShapeError, named);
  });

  it('says how large a window may be', () => {
    const windows = { ...axis, kernel: 4, dilation: 3, padding: [0, 2] } as const;
    expectError(() => windowOutput(5, windows), ShapeError, {
      parameter: 'kernel',
      expected: 'a window of at most 7 elements, the padded input',
      got: '10',
    });
    expectError(() => windowOutput(5, { ...windows, stride: 3, ceilMode: true }), ShapeError, {
      parameter: 'kernel',
      expected: 'a window of at most 9 elements, with the last stride',
      got: '10',
    });
  });

  it('names the place it is told', () => {
    const place = { operation: 'maxPool', prefix: 'pool.' };
    expectError(() => windowOutput(5, { ...axis, stride: 0 }, place), ShapeError, {
      operation: 'maxPool',
      parameter: 'pool.stride',
      got: '0',
    });
  });
});

describe('poolOutputs', () => {
  it('refuses windows without a pixel of the image, and no others', () => {
    const sizes = fc.record({
      size: fc.integer({ min: 1, max: 6 }),
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 4 }),
      before: fc.nat(4),
      after: fc.nat(4),
      ceilMode: fc.boolean(),
    });
    const place = { operation: 'maxPool', prefix: '' };
    fc.assert(
      fc.property(sizes, ({ size, kernel, stride, before, after, ceilMode }) => {
        fc.pre(kernel <= size + before + after);
        const windows = { kernel: [kernel, 1], stride: [stride, 1], padding: [before, 0, after, 0], ceilMode } as const;
        const count = windowOutput(size, { kernel, stride, padding: [before, after], dilation: 1, ceilMode });
        const starts = Array.from({ length: count }, (_, place) => place * stride - before);
        const outputs = () => poolOutputs([size, 5], windows, place);
        if (starts.every((start) => start < size && start + kernel > 0)) expect(outputs()).toEqual([count, 5]);
        else expectError(outputs, ShapeError, { operation: 'maxPool', parameter: 'padding' });
      }),
    );
  });
});

describe('transposedOutputs', () => {
  const place = { operation: 'transposed', prefix: '' };

  it('is an input of which a convolution makes an output of the given size', () => {
    const along = fc.record({
      size: fc.integer({ min: 1, max: 9 }),
      kernel: fc.integer({ min: 1, max: 5 }),
      stride: fc.integer({ min: 1, max: 4 }),
      dilation: fc.integer({ min: 1, max: 3 }),
      before: fc.nat(2),
      after: fc.nat(2),
      open: fc.nat(3),
    });
    fc.assert(
      fc.property(along, ({ size, kernel, stride, dilation, before, after, open }) => {
        const outputPadding = Math.min(open, stride - 1);
        fc.pre((size - 1) * stride + dilation * (kernel - 1) + 1 + outputPadding > before + after);
        const windows = {
          kernel: [kernel, 1],
          stride: [stride, 1],
          dilation: [dilation, 1],
          padding: [before, 0, after, 0],
          outputPadding: [outputPadding, 0],
        } as const;
        const outputs = transposedOutputs([size, 5], windows, place);
        expect(windowOutputs(outputs, windows, place)).toEqual([size, 5]);
      }),
    );
  });
});

it('padding of four sides is a pair where opposite sides are alike', () => {
  expect(sidesOf([1, 2])).toEqual([1, 2, 1, 2]);
  expect(sidesOf([1, 2, 3, 0])).toEqual([1, 2, 3, 0]);
  expect(shortestPadding([1, 2, 1, 2])).toEqual([1, 2]);
  expect(shortestPadding([1, 2])).toEqual([1, 2]);
  expect(shortestPadding([0, 0, 1, 0])).toEqual([0, 0, 1, 0]);
});
