import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAdd, planAddGradient, planRelu, planReluGradient } from '../../src/ops/pointwise.js';
import { addReference, reluBackwardReference, reluReference } from '../reference/pointwise.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** One addition, rounded. */
const rounded = (sum: Float64Array) => sum.map((value) => EPSILON * Math.abs(value));

describe.each([1, 2, 3, 63, 64, 65, 256, 257, 1022])('%i elements', (count) => {
  const left = randomArray(count, 1);
  const right = randomArray(count, 2);
  left[count - 1] = 0;

  it('are rectified', async () => {
    const result = await runPlan(device, planRelu(count), { input: left });
    expectClose(result.floats('output'), reluReference(left), 0, 'relu');
  });

  it('pass the gradient where the activation is positive', async () => {
    const expected = reluBackwardReference(left, right);
    const result = await runPlan(device, planReluGradient(count), { gradient: right, activation: left });
    expectClose(result.floats('inputGradient'), expected, 0, 'relu gradient');

    const before = randomArray(count, 3);
    const sum = addReference(expected, before);
    const added = await runPlan(device, planReluGradient(count, { accumulate: true }), {
      gradient: right,
      activation: left,
      inputGradient: before,
    });
    expectClose(added.floats('inputGradient'), sum, rounded(sum), 'relu gradient, accumulated');
  });

  it('are bounded above, and pass the gradient between the bounds', async () => {
    const maximum = 0.5;
    left[0] = maximum;
    const result = await runPlan(device, planRelu(count, { maximum }), { input: left });
    expectClose(result.floats('output'), reluReference(left, maximum), 0, 'bounded relu');
    const passed = await runPlan(device, planReluGradient(count, { maximum }), { gradient: right, activation: left });
    const expected = reluBackwardReference(left, right, maximum);
    expectClose(passed.floats('inputGradient'), expected, 0, 'bounded relu gradient');
    const sum = await runPlan(device, planAdd(count, { relu: true, maximum }), { left, right });
    const bounded = reluReference(addReference(left, right), maximum);
    expectClose(sum.floats('output'), bounded, rounded(bounded), 'bounded sum');
  });

  it('are added', async () => {
    const sum = addReference(left, right);
    for (const relu of [false, true]) {
      const result = await runPlan(device, planAdd(count, { relu }), { left, right });
      const expected = relu ? reluReference(sum) : sum;
      expectClose(result.floats('output'), expected, rounded(sum), `add, relu ${relu}`);
    }
  });

  it('pass the gradient of a sum', async () => {
    const copied = await runPlan(device, planAddGradient(count), { input: left });
    expectClose(copied.floats('output'), left, 0, 'add gradient');
    const added = await runPlan(device, planAddGradient(count, { accumulate: true }), { input: left, output: right });
    const sum = addReference(left, right);
    expectClose(added.floats('output'), sum, rounded(sum), 'add gradient, accumulated');
  });
});

it('ReLU keeps NaN and infinity', async () => {
  for (const count of [5, 6, 8]) {
    const input = new Float32Array(count).fill(-1);
    input.set([Number.NaN, -Infinity, Infinity, -0]);
    const expected = [Number.NaN, 0, Infinity, 0];
    const rectified = await runPlan(device, planRelu(count), { input });
    expect([...rectified.floats('output').subarray(0, 4)].map((value) => value + 0)).toEqual(expected);
    const bounded = await runPlan(device, planRelu(count, { maximum: 6 }), { input });
    expect([...bounded.floats('output').subarray(0, 4)].map((value) => value + 0)).toEqual([Number.NaN, 0, 6, 0]);
    const sum = await runPlan(device, planAdd(count, { relu: true }), { left: input, right: new Float32Array(count) });
    expect([...sum.floats('output').subarray(0, 4)].map((value) => value + 0)).toEqual(expected);
  }
});

it('more workgroups than one row of the grid holds', async () => {
  // Odd, so that one thread takes one element.
  const count = 65_536 * 64 + 1;
  const input = randomArray(count, 4);
  const result = await runPlan(device, planRelu(count), { input });
  expectClose(result.floats('output'), reluReference(input), 0, 'relu of many');
});
