import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  planTransposedConvolution,
  planTransposedConvolutionFilterGradient,
  planTransposedConvolutionInputGradient,
} from '../../src/ops/convolution/transposed.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { roundedToHalf, runHalf, storingBound } from '../support/float16.js';
import { randomArray } from '../support/random.js';
import type { Outputs } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { sumError } from './float16Case.js';
import { plansInForms } from './formsCase.js';
import { transposedCase, transposedExpected, transposedShapes } from './transposedCase.js';

/* Transposed convolutions on float16 in memory; what a device without float16 does with each is to refuse it. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const half = { precision: 'float16' } as const;

/** Holds a float16 output to its values, the error of its sums and that of storing it, and sees that nothing is noted. */
function expectStored(outputs: Outputs, expected: Float64Array, error: Float64Array, what: string): void {
  const stored = outputs.floats('output');
  const bound = storingBound(expected).map((value, i) => value + 1.001 * error[i]!);
  expectClose(stored.subarray(0, expected.length), expected, bound, what);
  expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
}

/** One form of each family. */
const ofFamilies = (plans: readonly (readonly [string, OperationPlan])[]) =>
  new Map(plans.map(([form, plan]) => [form.split(' ')[0]!, plan]));

const shapes = [
  'a decoder that doubles the image',
  'groups, four sides',
  'depthwise, stride 2',
  'pointwise, dilated for what is open',
].map((name) => [name, transposedShapes[name]!] as const);

describe.each(shapes)('%s', (name, shape) => {
  const given = transposedCase(shape, 51);
  const one = {
    ...given,
    input: roundedToHalf(given.input),
    filter: roundedToHalf(given.filter),
    gradient: roundedToHalf(given.gradient),
  };
  const { exact, magnitude } = transposedExpected(one);
  const { batch, inHeight, inWidth, inChannels, outChannels, kernel, groups } = shape;
  const taps = kernel[0] * kernel[1];

  it('forward', async () => {
    const { input, filter, bias } = one;
    const plans = plansInForms(device, (traits) => planTransposedConvolution(shape, { bias: true, ...half }, traits));
    for (const [family, plan] of ofFamilies(plans)) {
      await runHalf(device, plan, { input, filter, bias }, (outputs) => {
        const error = sumError(plan, taps * (inChannels / groups) + 2, magnitude.y);
        expectStored(outputs, exact.y, error, `${name} ${family}`);
      });
    }
  });

  it('gradients', async () => {
    const { input, filter, gradient } = one;
    const before = roundedToHalf(randomArray(input.length, 61));
    const toInput = plansInForms(device, (traits) =>
      planTransposedConvolutionInputGradient(shape, { accumulate: true, ...half }, traits),
    );
    const added = exact.dx.map((value, i) => value + before[i]!);
    const whole = magnitude.dx.map((value, i) => value + Math.abs(before[i]!));
    for (const [family, plan] of ofFamilies(toInput)) {
      await runHalf(device, plan, { gradient, filter, output: before }, (outputs) => {
        const error = sumError(plan, taps * (outChannels / groups) + 2, whole);
        expectStored(outputs, added, error, `${name} input gradient ${family}`);
      });
    }
    const toFilter = plansInForms(device, (traits) => planTransposedConvolutionFilterGradient(shape, half, traits));
    for (const [family, plan] of ofFamilies(toFilter)) {
      await runHalf(device, plan, { input, gradient }, (outputs) => {
        const error = sumError(plan, batch * inHeight * inWidth + 1, magnitude.dFilter);
        expectClose(outputs.floats('output'), exact.dFilter, error, `${name} filter gradient ${family}`);
      });
    }
  });
});
