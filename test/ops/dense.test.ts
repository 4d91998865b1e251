import { afterAll, beforeAll, it } from 'vitest';
import { planIcUnitGradient } from '../../src/ops/convolution/icUnitGradient.js';
import { planDense } from '../../src/ops/dense.js';
import { planDenseInputGradient, planDenseWeightGradient } from '../../src/ops/denseGradient.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { convolutionBackwardMagnitude } from '../reference/convolution.js';
import { denseBackwardReference, denseReference } from '../reference/dense.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose, summationBound } from '../support/tolerance.js';
import {
  adjustOperand,
  awayFromKink,
  expectedValues,
  outputBound,
  randomCase,
  referenceOperands,
} from './convolutionCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const one1x1 = {
  batch: 1,
  inHeight: 1,
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
} as const;

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
    const plan = planDense(shape, { bias: withBias, relu: true, maximum: 0.5 }, traits);
    const rectified = denseReference(chosen).map((value) => Math.min(Math.max(value, 0), 0.5));
    expectClose((await runPlan(device, plan, { input, filter, ...given })).floats('output'), rectified, bound, 'relu');
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

it.each([
  [1, 1, 1, true],
  [3, 7, 5, false],
  [5, 64, 65, true],
  [33, 130, 12, true],
])('a fully connected IC unit of batch %i, %i inputs, %i outputs, offset %s', async (batch, inFeatures, outFeatures, offset) => {
  const shape = { batch, inFeatures, outFeatures };
  const traits = deviceTraits(device);
  const unit = { ...one1x1, inWidth: batch, inChannels: inFeatures, outChannels: outFeatures };
  const { smooth: one } = awayFromKink(randomCase(unit, 'output', true, 21, offset));
  const { input, filter, bias, gradient } = one;
  const expected = expectedValues(one);
  const magnitude = convolutionBackwardMagnitude(referenceOperands(one));

  const options = { bias: true, adjust: 'output', offset, storeSums: true } as const;
  const ahead = await runPlan(device, planDense(shape, options, traits), {
    input,
    filter,
    bias: bias!,
    ...adjustOperand(one),
  });
  expectClose(ahead.floats('output'), expected.y, outputBound(referenceOperands(one)), 'IC dense');
  const back = await runPlan(device, planIcUnitGradient(unit, 'output', { offset }), {
    gradient,
    output: ahead.floats('output'),
    windowSums: ahead.floats('windowSums'),
    ...adjustOperand(one),
  });
  const adjustBound = summationBound(batch + inFeatures + 3, magnitude.dAdjust);
  expectClose(back.floats('adjustGradient'), expected.da!, adjustBound, 'IC dense adjust');
  if (offset) {
    expectClose(
      back.floats('offsetGradient'),
      expected.do!,
      summationBound(batch, magnitude.dOffset),
      'IC dense offset',
    );
  }
  const toInput = await runPlan(device, planDenseInputGradient(shape, { windowSums: 'output' }, traits), {
    gradient: back.floats('zGradient'),
    filter,
    windowSums: back.floats('inputSums'),
  });
  const bound = summationBound(2 * outFeatures + 4, magnitude.dx);
  expectClose(toInput.floats('output'), expected.dx, bound, 'IC dense input gradient');
});
