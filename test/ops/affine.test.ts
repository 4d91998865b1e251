import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { planAffine, planAffineFold, planAffineGradient } from '../../src/ops/affine.js';
import { affineBackwardReference, affineReference } from '../reference/affine.js';
import { addReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { runHalf } from '../support/float16.js';
import { expectHeld, halfValues, magnitudes, precisions } from '../support/held.js';
import { randomArray } from '../support/random.js';
import { summationBound } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** Vectors of 4, 2 and 1; one slice, whole slices and one pixel more; one block of lanes and more. */
const shapes = [
  { pixels: 1, channels: 1 },
  { pixels: 31, channels: 5 },
  { pixels: 64, channels: 6 },
  { pixels: 65, channels: 16 },
  { pixels: 97, channels: 260 },
  { pixels: 8197, channels: 3 },
];

describe.each(precisions)('in %s', (precision) => {
  it.each(shapes)('$pixels pixels of $channels channels, and their gradients', async (shape) => {
    const { pixels, channels } = shape;
    const count = pixels * channels;
    const x = halfValues(count, 1);
    const dy = halfValues(count, 2);
    const before = halfValues(count, 3);
    const weight = randomArray(channels, 4, -2, 2);
    const bias = randomArray(channels, 5, -2, 2);
    const y = affineReference(x, weight, bias);
    const products = affineReference(x, weight, new Float32Array(channels));
    const error = summationBound(2, magnitudes(products, affineReference(new Float32Array(count), weight, bias)));
    await expectHeld(device, planAffine(shape, { precision }), { input: x, weight, bias }, { output: [y, error] });

    const { dx, dWeight, dBias, weightMagnitude, biasMagnitude } = affineBackwardReference(x, weight, dy);
    const ofParameters = {
      weightGradient: [dWeight, summationBound(pixels, weightMagnitude)],
      biasGradient: [dBias, summationBound(pixels, biasMagnitude)],
    } as const;
    const inputs = { gradient: dy, input: x };
    await expectHeld(
      device,
      planAffineGradient(shape, { precision }),
      { ...inputs, weight },
      {
        ...ofParameters,
        inputGradient: [dx, summationBound(1, dx).map(Math.abs)],
      },
    );
    const adding = planAffineGradient(shape, { accumulate: true, precision });
    await expectHeld(
      device,
      adding,
      { ...inputs, weight, inputGradient: before },
      {
        ...ofParameters,
        inputGradient: [addReference(dx, before), summationBound(2, magnitudes(dx, before))],
      },
    );
    const alone = planAffineGradient(shape, { parametersOnly: true, precision });
    await expectHeld(device, alone, inputs, ofParameters);
  });
});

it.each([1, 64, 65, 129])('%i channels become scales and shifts, behind others too', async (channels) => {
  const weight = randomArray(channels, 1, -2, 2);
  const bias = randomArray(channels, 2, -2, 2);
  const alone = Float64Array.from([...weight, ...bias]);
  await expectHeld(device, planAffineFold(channels), { weight, bias }, { scaleShift: [alone, 0] });
  const before = randomArray(2 * channels, 3, -2, 2);
  const scales = before.subarray(0, channels);
  const shifts = before.subarray(channels);
  const scale = affineReference(scales, weight, new Float32Array(channels));
  const shift = affineReference(shifts, weight, bias);
  const products = affineReference(shifts, weight, new Float32Array(channels));
  const error = [...summationBound(1, scale).map(Math.abs), ...summationBound(2, magnitudes(products, bias))];
  const plan = planAffineFold(channels, { behind: true });
  await expectHeld(device, plan, { weight, bias, before }, { scaleShift: [[...scale, ...shift], error] });
});

it('what does not fit into float16 is noted', async () => {
  const shape = { pixels: 1, channels: 2 };
  const operands = { input: Float32Array.of(60000, 1), bias: Float32Array.of(0, 0) };
  const half = { precision: 'float16' } as const;
  for (const [factor, noted] of [
    [1, 0],
    [2, 1],
  ] as const) {
    const weight = Float32Array.of(factor, 1);
    await runHalf(device, planAffine(shape, half), { ...operands, weight }, (outputs) =>
      expect(outputs.floats('status')[0]).toBe(noted),
    );
    const gradients = { gradient: operands.input, input: Float32Array.of(0, 0), weight };
    await runHalf(device, planAffineGradient(shape, half), gradients, (outputs) =>
      expect(outputs.floats('status')[0]).toBe(noted),
    );
  }
});

it('refuses what is no shape', () => {
  expect(() => planAffine({ pixels: 0, channels: 1 })).toThrow('affine: pixels: expected a positive integer');
  expect(() => planAffineGradient({ pixels: 1, channels: -1 })).toThrow(ShapeError);
  expect(() => planAffineFold(0)).toThrow('affineFold: channels: expected a positive integer');
});
