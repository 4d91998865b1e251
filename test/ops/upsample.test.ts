import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { planUpsample, planUpsampleGradient, type UpsampleOptions } from '../../src/ops/upsample.js';
import { addReference } from '../reference/pointwise.js';
import { upsampleBackwardReference, upsampleReference } from '../reference/upsample.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runHalf } from '../support/float16.js';
import { expectHeld, halfValues, precisions } from '../support/held.js';
import { runPlan } from '../support/runPlan.js';
import { summationBound } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const modes: readonly UpsampleOptions[] = [
  { mode: 'nearest' },
  { mode: 'bilinear' },
  { mode: 'bilinear', alignCorners: true },
];

/** Vectors of 4, 2 and 1; one pixel, one row, one column; factors of 1, 2, 3, 4 and 7, even and odd in one. */
const shapes = [
  { batch: 1, inHeight: 1, inWidth: 1, channels: 1, factor: [3, 2] },
  { batch: 2, inHeight: 5, inWidth: 7, channels: 3, factor: [2, 2] },
  { batch: 1, inHeight: 4, inWidth: 3, channels: 6, factor: [3, 4] },
  { batch: 2, inHeight: 3, inWidth: 2, channels: 8, factor: [1, 7] },
  { batch: 1, inHeight: 1, inWidth: 9, channels: 4, factor: [2, 3] },
  { batch: 1, inHeight: 11, inWidth: 1, channels: 2, factor: [2, 1] },
  { batch: 1, inHeight: 2, inWidth: 2, channels: 65, factor: [5, 4] },
  { batch: 1, inHeight: 13, inWidth: 17, channels: 4, factor: [8, 2] },
] as const;

describe.each(precisions)('in %s', (precision) => {
  describe.each(modes)('$mode, corners aligned $alignCorners', (mode) => {
    it.each(shapes)('$inHeight x $inWidth of $channels channels by $factor', async (shape) => {
      const { batch, inHeight, inWidth, channels, factor } = shape;
      const operands = { shape: [batch, inHeight, inWidth, channels], factor, ...mode } as const;
      const input = halfValues(batch * inHeight * inWidth * channels, 1);
      const expected = upsampleReference(input, operands);
      // Of nearest ones a copy. Else the complement of a share is off by the roundings of 1, however small it is itself.
      const roundings = mode.mode === 'nearest' ? 0 : 12;
      const whole = () => 1;
      const error = summationBound(roundings, upsampleReference(input.map(Math.abs), operands, whole));
      const options = { ...mode, precision };
      await expectHeld(device, planUpsample(shape, options), { input }, { output: [expected, error] });

      const gradient = halfValues(expected.length, 2);
      const dx = upsampleBackwardReference(gradient, operands);
      const magnitude = upsampleBackwardReference(gradient.map(Math.abs), operands, whole);
      const terms = 16 * factor[0] * factor[1] + roundings;
      const plan = planUpsampleGradient(shape, options);
      await expectHeld(device, plan, { gradient }, { inputGradient: [dx, summationBound(terms, magnitude)] });
      const before = halfValues(input.length, 3);
      const adding = planUpsampleGradient(shape, { ...options, accumulate: true });
      const bound = summationBound(terms + 1, addReference(magnitude, before.map(Math.abs)));
      const inputs = { gradient, inputGradient: before };
      await expectHeld(device, adding, inputs, { inputGradient: [addReference(dx, before), bound] });
    });
  });
});

it('a pixel that takes no share of another takes none of its NaN', async () => {
  const shape = { batch: 1, inHeight: 1, inWidth: 4, channels: 1, factor: [1, 2] } as const;
  const gradient = Float32Array.of(1, 1, 1, 1, 1, 1, 1, Number.NaN);
  const plan = planUpsampleGradient(shape, { mode: 'bilinear' });

  const result = await runPlan(device, plan, { gradient });
  expect([...result.floats('inputGradient')].map(Number.isNaN)).toEqual([false, false, false, true]);
});

it('sums of gradients that do not fit into float16 are noted', async () => {
  const shape = { batch: 1, inHeight: 1, inWidth: 1, channels: 1, factor: [2, 2] } as const;
  const gradient = new Float32Array(4).fill(20000);
  await runHalf(
    device,
    planUpsampleGradient(shape, { mode: 'nearest', precision: 'float16' }),
    { gradient },
    (outputs) => expect(outputs.floats('status')[0]).toBe(1),
  );
});

it('refuses what cannot be enlarged', () => {
  const shape = { batch: 1, inHeight: 2, inWidth: 2, channels: 1, factor: [2, 2] } as const;
  expect(() => planUpsample({ ...shape, factor: [2, 0] }, { mode: 'nearest' })).toThrow(
    'upsample: factor: expected a positive',
  );
  expect(() => planUpsample({ ...shape, factor: [1.5, 2] }, { mode: 'nearest' })).toThrow(ShapeError);
  expect(() => planUpsample(shape, { mode: 'cubic' as 'nearest' })).toThrow(
    'upsample: mode: expected nearest or bilinear',
  );
  expect(() => planUpsampleGradient(shape, { mode: 'nearest', alignCorners: true })).toThrow(
    'upsampleGradient: alignCorners: expected none with nearest',
  );
  const long = { ...shape, inHeight: 1, inWidth: 50_000 };
  expect(() => planUpsample(long, { mode: 'bilinear', alignCorners: true })).toThrow('less than 2^32');
  expect(() => planUpsample(long, { mode: 'bilinear' })).not.toThrow();
});
