import { afterAll, beforeAll, it } from 'vitest';
import { planDense } from '../../src/ops/dense.js';
import { planDenseInputGradient, planDenseWeightGradient } from '../../src/ops/denseGradient.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { denseBackwardReference, denseReference } from '../reference/dense.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

it.each([
  [1, 1, 1],
  [3, 7, 1],
  [5, 64, 10],
  [33, 130, 12],
  [16, 512, 37],
])('a dense layer of batch %i, %i inputs, %i outputs', async (batch, inFeatures, outFeatures) => {
  const shape = { batch, inFeatures, outFeatures };
  const traits = deviceTraits(device);
  const input = randomArray(batch * inFeatures, 1);
  const filter = randomArray(inFeatures * outFeatures, 2);
  const bias = randomArray(outFeatures, 3);
  const gradient = randomArray(batch * outFeatures, 4);
  const before = randomArray(batch * inFeatures, 5);
  const operands = { x: input, weight: filter, bias, inFeatures, outFeatures, dy: gradient };
  const positive = {
    ...operands,
    x: input.map(Math.abs),
    weight: filter.map(Math.abs),
    bias: bias.map(Math.abs),
    dy: gradient.map(Math.abs),
  };
  const { dx, dWeight } = denseBackwardReference(operands);
  const magnitude = denseBackwardReference(positive);

  for (const withBias of [true, false]) {
    const given = withBias ? { bias } : {};
    const chosen = withBias ? operands : { ...operands, bias: undefined };
    const result = await runPlan(device, planDense(shape, { bias: withBias }, traits), { input, filter, ...given });
    const bound = summationBound(inFeatures + 1, denseReference(positive));
    expectClose(result.floats('output'), denseReference(chosen), bound, 'dense');
  }
  const toInput = await runPlan(device, planDenseInputGradient(shape, {}, traits), { gradient, filter });
  expectClose(toInput.floats('output'), dx, summationBound(outFeatures, magnitude.dx), 'dense input gradient');
  const added = await runPlan(device, planDenseInputGradient(shape, { accumulate: true }, traits), {
    gradient,
    filter,
    output: before,
  });
  const sum = dx.map((value, i) => value + before[i]!);
  const sumMagnitude = magnitude.dx.map((value, i) => value + Math.abs(before[i]!));
  const sumBound = summationBound(outFeatures + 1, sumMagnitude);
  expectClose(added.floats('output'), sum, sumBound, 'dense input gradient, accumulated');
  const toWeight = await runPlan(device, planDenseWeightGradient(shape, traits), { input, gradient });
  expectClose(toWeight.floats('output'), dWeight, summationBound(batch, magnitude.dWeight), 'dense weight gradient');
});
