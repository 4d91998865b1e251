import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { planGateGradient, planMultiply } from '../../src/ops/multiply.js';
import { multiplyBackwardReference, multiplyReference } from '../reference/multiply.js';
import { addReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { noFault, runHalf } from '../support/float16.js';
import { expectHeld, halfValues, magnitudes, precisions } from '../support/held.js';
import { summationBound } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const rounded = (values: ArrayLike<number>) => summationBound(1, values).map(Math.abs);

/** Vectors of 4, 2 and 1; fewer lanes than a workgroup has, all, one more; fewer pixels than shares, as many, one more. */
const shapes = [
  { batch: 1, pixels: 1, channels: 1 },
  { batch: 3, pixels: 7, channels: 5 },
  { batch: 2, pixels: 49, channels: 6 },
  { batch: 2, pixels: 64, channels: 16 },
  { batch: 3, pixels: 31, channels: 32 },
  { batch: 2, pixels: 32, channels: 36 },
  { batch: 1, pixels: 33, channels: 8 },
  { batch: 2, pixels: 257, channels: 1 },
  { batch: 1, pixels: 1031, channels: 67 },
];

describe.each(precisions)('in %s', (precision) => {
  describe.each(shapes)('$batch images of $pixels pixels, $channels channels', (shape) => {
    const { batch, pixels, channels } = shape;
    const count = batch * pixels * channels;
    const x = halfValues(count, 1);
    const dy = halfValues(count, 2);
    const before = halfValues(count, 3);
    const operandsOf = (gate: boolean) => ({ x, factors: halfValues(gate ? batch * channels : count, 4), gate });

    it.each([false, true])('are multiplied, with a gate for each channel %s', async (gate) => {
      const { factors } = operandsOf(gate);
      const expected = multiplyReference({ ...operandsOf(gate), pixels, channels });
      const plan = planMultiply(shape, { gate, precision });
      await expectHeld(device, plan, { left: x, right: factors }, { output: [expected, rounded(expected)] });
      const sum = addReference(expected, before);
      const adding = planMultiply(shape, { gate, accumulate: true, precision });
      const error = summationBound(2, magnitudes(expected, before));
      await expectHeld(device, adding, { left: x, right: factors, output: before }, { output: [sum, error] });
    });

    it('give gates the sums over their images', async () => {
      const operands = { ...operandsOf(true), pixels, channels };
      const { dx, dFactors, magnitude } = multiplyBackwardReference(operands, dy);
      const ofInput = planMultiply(shape, { gate: true, precision });
      await expectHeld(device, ofInput, { left: dy, right: operands.factors }, { output: [dx, rounded(dx)] });
      const error = summationBound(pixels, magnitude);
      const plan = planGateGradient(shape, { precision });
      await expectHeld(device, plan, { gradient: dy, input: x }, { gateGradient: [dFactors, error] });
      const gates = halfValues(batch * channels, 5);
      const sum = addReference(dFactors, gates);
      const added = summationBound(pixels + 1, magnitudes(magnitude, gates));
      const adding = planGateGradient(shape, { accumulate: true, precision });
      const inputs = { gradient: dy, input: x, gateGradient: gates };
      await expectHeld(device, adding, inputs, { gateGradient: [sum, added] });
    });
  });
});

it('products and sums that do not fit into float16 are noted', async () => {
  const shape = { batch: 1, pixels: 3, channels: 2 };
  const large = Float32Array.of(1, 300, 1, 300, 1, 300);
  const noted = (expected: number) => (outputs: { floats(name: string): Float32Array }) =>
    expect(outputs.floats('status')[0]).toBe(expected);
  const half = { precision: 'float16' } as const;
  await runHalf(device, planMultiply(shape, half), { left: large, right: large }, noted(1));
  await runHalf(device, planGateGradient(shape, half), { gradient: large, input: large }, noted(1));
  const small = Float32Array.of(1, 2, 1, 2, 1, 2);
  await runHalf(device, planMultiply(shape, half), { left: large, right: small, status: noFault() }, noted(0));
  await runHalf(device, planGateGradient(shape, half), { gradient: large, input: small }, noted(0));
});

it('refuses what is no shape', () => {
  expect(() => planMultiply({ batch: 0, pixels: 1, channels: 1 })).toThrow(ShapeError);
  expect(() => planMultiply({ batch: 1, pixels: 1, channels: 1.5 })).toThrow('multiply: channels: expected a positive');
  expect(() => planGateGradient({ batch: 1, pixels: -1, channels: 1 })).toThrow('gateGradient: pixels: expected');
});
