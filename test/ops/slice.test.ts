import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planSlice, planSliceGradient } from '../../src/ops/slice.js';
import { planTranspose } from '../../src/ops/transpose.js';
import {
  shuffleBackwardReference,
  shuffleReference,
  sliceBackwardReference,
  sliceReference,
} from '../reference/channels.js';
import { addReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { expectHeld, halfValues, precisions } from '../support/held.js';
import { summationBound } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** Vectors of 4, 2 and 1; from the first channel, up to the last, between, all of them, one. */
const slices = [
  { pixels: 35, channels: 16, start: 0, count: 8 },
  { pixels: 35, channels: 16, start: 8, count: 8 },
  { pixels: 13, channels: 10, start: 4, count: 2 },
  { pixels: 65, channels: 7, start: 1, count: 5 },
  { pixels: 3, channels: 12, start: 0, count: 12 },
  { pixels: 64, channels: 5, start: 4, count: 1 },
  { pixels: 1, channels: 1, start: 0, count: 1 },
];

describe.each(precisions)('in %s', (precision) => {
  it.each(slices)('channels $start and on, $count of $channels, and their gradient', async (shape) => {
    const { pixels, channels, start, count } = shape;
    const input = halfValues(pixels * channels, 1);
    const expected = sliceReference(input, channels, start, count);
    await expectHeld(device, planSlice(shape, { precision }), { input }, { output: [expected, 0] });
    const gradient = halfValues(pixels * count, 2);
    const dx = sliceBackwardReference(gradient, channels, start, count);
    await expectHeld(device, planSliceGradient(shape, { precision }), { gradient }, { inputGradient: [dx, 0] });
    const before = halfValues(pixels * channels, 3);
    const sum = addReference(dx, before);
    const adding = planSliceGradient(shape, { accumulate: true, precision });
    const error = summationBound(1, sum).map(Math.abs);
    await expectHeld(device, adding, { gradient, inputGradient: before }, { inputGradient: [sum, error] });
  });

  it.each([
    { pixels: 35, channels: 16, groups: 2 },
    { pixels: 13, channels: 15, groups: 3 },
    { pixels: 7, channels: 6, groups: 6 },
    { pixels: 3, channels: 5, groups: 1 },
  ])('$channels channels are shuffled in $groups groups, and their gradient back', async (shape) => {
    const { pixels, channels, groups } = shape;
    const input = halfValues(pixels * channels, 4);
    const size = channels / groups;
    const plan = planTranspose({ batch: pixels, rows: groups, columns: size }, { precision });
    await expectHeld(device, plan, { input }, { output: [shuffleReference(input, channels, groups), 0] });
    const back = planTranspose({ batch: pixels, rows: size, columns: groups }, { precision });
    await expectHeld(device, back, { input }, { output: [shuffleBackwardReference(input, channels, groups), 0] });
  });
});

it('refuses channels that there are not', () => {
  const shape = { pixels: 1, channels: 4, start: 1, count: 3 };
  expect(() => planSlice({ ...shape, count: 4 })).toThrow(
    'slice: count: expected at most the 3 channels from 1 on, got 4',
  );
  expect(() => planSliceGradient({ ...shape, start: 2 })).toThrow(
    'sliceGradient: count: expected at most the 2 channels',
  );
  expect(() => planSlice({ ...shape, start: -1 })).toThrow('slice: start: expected a non-negative integer');
  expect(() => planSlice({ ...shape, count: 0 })).toThrow('slice: count: expected a positive integer');
  expect(() => planSlice({ ...shape, pixels: 0.5 })).toThrow('slice: pixels: expected a positive integer');
});
