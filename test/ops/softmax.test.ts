import { afterAll, beforeAll, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { planSoftmax } from '../../src/ops/softmax.js';
import { softmaxReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

it.each([
  [1, 1],
  [1, 1000],
  [3, 7],
  [65, 2],
  [70, 13],
])('%i pixels of %i channels', async (pixels, channels) => {
  const input = randomArray(pixels * channels, 1, -20, 20);
  const result = await runPlan(device, planSoftmax(pixels, channels), { input });
  const output = result.floats('output');
  const expected = softmaxReference(input, channels);
  // WGSL allows exp(x) an error of 3 + 2 |x| units in the last place; x is within 40 of 0, and the sum's terms are as far off.
  const bound = expected.map((value) => 2 * (3 + 2 * 40 + channels) * 2 * EPSILON * value + 2 ** -126);
  expectClose(output, expected, bound, 'softmax');
  for (let row = 0; row < pixels; row++) {
    const sum = output.subarray(row * channels, (row + 1) * channels).reduce((total, value) => total + value, 0);
    expect(Math.abs(sum - 1)).toBeLessThanOrEqual(2 * channels * EPSILON);
  }
});

it('of large values and of ruled-out classes is finite', async () => {
  const input = Float32Array.of(3e38, 3e38, -3e38, -Infinity);
  const result = await runPlan(device, planSoftmax(1, 4), { input });
  expect([...result.floats('output')]).toEqual([0.5, 0.5, 0, 0]);
});

it('refuses sizes that are none', () => {
  expect(() => planSoftmax(0, 3)).toThrow(ShapeError);
  expect(() => planSoftmax(3, 1.5)).toThrow(ShapeError);
});
