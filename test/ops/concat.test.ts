import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { planConcat, planConcatGradient } from '../../src/ops/concat.js';
import { concatBackwardReference, concatReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** Vectors of 4, 2 and 1; one input; one pixel; more inputs than a dispatch has bindings. */
const shapes = [
  { pixels: 35, channels: [8, 4, 16] },
  { pixels: 7, channels: [4, 2, 6] },
  { pixels: 13, channels: [3, 1, 5, 2] },
  { pixels: 5, channels: [4, 1, 8] },
  { pixels: 3, channels: [6] },
  { pixels: 1, channels: [1, 1] },
  { pixels: 2, channels: Array.from({ length: 11 }, (_, index) => index + 1) },
];

describe.each(shapes)('$pixels pixels of $channels channels', (shape) => {
  const { pixels, channels } = shape;
  const inputs = channels.map((count, index) => randomArray(pixels * count, index + 1));

  it('side by side', async () => {
    const operands = Object.fromEntries(inputs.map((values, index) => [`input${index}`, values]));
    const result = await runPlan(device, planConcat(shape), operands);
    expectClose(result.floats('output'), concatReference(inputs, channels), 0, 'concat');
  });

  it('and their gradients apart, alone and added', async () => {
    const total = channels.reduce((sum, count) => sum + count, 0);
    const gradient = randomArray(pixels * total, 50);
    const expected = concatBackwardReference(gradient, channels);
    for (const [index, values] of expected.entries()) {
      const alone = await runPlan(device, planConcatGradient(shape, index), { gradient });
      expectClose(alone.floats('inputGradient'), values, 0, `concat gradient ${index}`);
      const before = inputs[index]!;
      const sum = values.map((value, i) => value + before[i]!);
      const plan = planConcatGradient(shape, index, { accumulate: true });
      const added = await runPlan(device, plan, { gradient, inputGradient: before });
      const bound = sum.map((value) => EPSILON * Math.abs(value));
      expectClose(added.floats('inputGradient'), sum, bound, `concat gradient ${index}, accumulated`);
    }
  });
});

it('refuses what is no concatenation', () => {
  expect(() => planConcat({ pixels: 0, channels: [1] })).toThrow(ShapeError);
  expect(() => planConcat({ pixels: 1, channels: [] })).toThrow(ShapeError);
  expect(() => planConcat({ pixels: 1, channels: [4, 0] })).toThrow('concat: channels[1]: expected a positive integer');
  expect(() => planConcatGradient({ pixels: 1, channels: [4, 2] }, 2)).toThrow('an index below 2');
  expect(() => planConcatGradient({ pixels: 1, channels: [4, 2] }, -1)).toThrow(ShapeError);
});
