import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planBatchNormTraining } from '../../src/ops/batchNorm.js';
import { planBatchNormGradient } from '../../src/ops/batchNormGradient.js';
import { planChannelSums } from '../../src/ops/channelSums.js';
import { planConcatGradient } from '../../src/ops/concat.js';
import { planIcUnitGradient } from '../../src/ops/convolution/icUnitGradient.js';
import { planLogitDistillation } from '../../src/ops/distillation.js';
import { planCrossEntropy } from '../../src/ops/loss.js';
import { planGradientClip } from '../../src/ops/optimisers.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { planAddGradient, planReluGradient } from '../../src/ops/pointwise.js';
import { planMaxPool, planMaxPoolGradient, planMeanPoolGradient } from '../../src/ops/pool.js';
import { planTranspose } from '../../src/ops/transpose.js';
import { divergenceReference, squaredDistanceReference } from '../reference/distillation.js';
import { crossEntropyReference } from '../reference/loss.js';
import {
  batchNormBackwardReference,
  batchNormReference,
  runningStatisticsReference,
} from '../reference/normalisation.js';
import { addReference, concatBackwardReference, reluBackwardReference, reluReference } from '../reference/pointwise.js';
import { maxPoolBackwardReference, meanPoolBackwardReference } from '../reference/pooling.js';
import { outputSize } from '../reference/window.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { roundedToHalf, runHalf, storingBound } from '../support/float16.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { type Outputs, runPlan, type Values } from '../support/runPlan.js';
import { EPSILON, expectClose, summationBound } from '../support/tolerance.js';
import { pools } from './float16Case.js';

/* What training does beside convolutions on float16 in memory; a device without float16 refuses each of it. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const half = { precision: 'float16' } as const;
const epsilon = Math.fround(1e-5);
const momentum = Math.fround(0.1);
const random = (count: number, seed: number, largest = 2) => roundedToHalf(randomArray(count, seed, -largest, largest));
const magnitudes = (...parts: readonly ArrayLike<number>[]) =>
  Float64Array.from(parts[0]!, (_, i) => parts.reduce((sum, part) => sum + Math.abs(part[i]!), 0));

/** Holds a float16 operand to its float64 values, an error ahead of the store included, and what fills up its last word. */
function expectStored(
  outputs: Outputs,
  name: string,
  expected: ArrayLike<number>,
  error: ArrayLike<number>,
  what: string,
): void {
  const stored = outputs.floats(name);
  const bound = storingBound(expected).map((value, i) => value + 1.001 * error[i]!);
  expectClose(stored.subarray(0, expected.length), expected, bound, what);
  expect([...stored.subarray(expected.length)]).toEqual(expected.length % 2 === 0 ? [] : [Number.NaN]);
}

/** The gradient that a plan leaves in `name`, and where it may not fit, that nothing is noted. */
async function expectGradient(
  plan: OperationPlan,
  name: string,
  inputs: Readonly<Record<string, Values>>,
  expected: ArrayLike<number>,
  error: ArrayLike<number>,
): Promise<void> {
  await runHalf(device, plan, inputs, (outputs) => {
    expectStored(outputs, name, expected, error, `${plan.operation} in float16`);
    if (plan.operands.status) expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
  });
}

describe.each([1, 2, 3, 64, 65, 1022])('gradients of %i elements', (count) => {
  const gradient = random(count, 1);
  const before = random(count, 2);
  const activation = roundedToHalf(Float32Array.from(reluReference(random(count, 3), 1.5)));

  it('pass a ReLU, and are added to what is there', async () => {
    const passed = reluBackwardReference(activation, gradient, 1.5);
    const plan = planReluGradient(count, { maximum: 1.5, ...half });
    await expectGradient(plan, 'inputGradient', { gradient, activation }, passed, new Float64Array(count));
    const added = addReference(passed, before);
    const adding = planReluGradient(count, { maximum: 1.5, accumulate: true, ...half });
    const inputs = { gradient, activation, inputGradient: before };
    await expectGradient(adding, 'inputGradient', inputs, added, summationBound(1, magnitudes(passed, before)));
  });

  it('are added, turned round and taken apart', async () => {
    const error = summationBound(1, magnitudes(gradient, before));
    const sum = addReference(gradient, before);
    const adding = planAddGradient(count, { accumulate: true, ...half });
    await expectGradient(adding, 'output', { input: gradient, output: before }, sum, error);
    const turning = planTranspose({ batch: 1, rows: 1, columns: count }, { accumulate: true, ...half });
    await expectGradient(turning, 'output', { input: gradient, output: before }, sum, error);
    const counts = [count, 3];
    const wide = random(count + 3, 4);
    const [own] = concatBackwardReference(wide, counts);
    const parting = planConcatGradient({ pixels: 1, channels: counts }, 0, { accumulate: true, ...half });
    const inputs = { gradient: wide, inputGradient: before };
    const bound = summationBound(1, magnitudes(own!, before));
    await expectGradient(parting, 'inputGradient', inputs, addReference(own!, before), bound);
  });
});

describe.each(pools)('gradients of windows of $kernel over $channels channels', (windows) => {
  const shape = { batch: 2, inHeight: 7, inWidth: 5, ...windows };
  const { channels, kernel } = windows;
  const input = random(2 * 7 * 5 * channels, 5);
  const before = random(input.length, 6);
  const [height, width] = outputSize({ ...windows, shape: [2, 7, 5, channels], dilation: [1, 1] });
  const outputs = 2 * height * width * channels;
  const gradient = random(outputs, 7);
  const operands = { ...windows, x: input, shape: [2, 7, 5, channels] } as const;
  const terms = kernel[0] * kernel[1] + 2;

  it('go to the winners', async () => {
    const forward = planMaxPool(shape, { storeWinners: true });
    const { integers } = await runPlan(device, forward, { input });
    const winners = integers('winners');
    const expected = maxPoolBackwardReference({ ...operands, dy: gradient });
    const magnitude = maxPoolBackwardReference({ ...operands, dy: gradient.map(Math.abs) });
    const plan = planMaxPoolGradient(shape, half);
    const inputs = { gradient, winners };
    await expectGradient(plan, 'inputGradient', inputs, expected, summationBound(terms, magnitude));
    const adding = planMaxPoolGradient(shape, { accumulate: true, ...half });
    const error = summationBound(terms, magnitudes(magnitude, before));
    const sum = addReference(expected, before);
    await expectGradient(adding, 'inputGradient', { ...inputs, inputGradient: before }, sum, error);
    await runHalf(device, planMaxPool(shape, { storeWinners: true, ...half }), { input }, (result) => {
      expect(result.integers('winners')).toEqual(winners);
    });
  });

  it('are shared by all', async () => {
    for (const countPadding of [true, false]) {
      const expected = meanPoolBackwardReference({ ...operands, countPadding, dy: gradient });
      const magnitude = meanPoolBackwardReference({ ...operands, countPadding, dy: gradient.map(Math.abs) });
      const plan = planMeanPoolGradient(shape, { countPadding, ...half });
      await expectGradient(plan, 'inputGradient', { gradient }, expected, summationBound(terms, magnitude));
    }
  });
});

describe.each([
  [2, 1],
  [33, 6],
  [97, 64],
  [700, 5],
])('batch normalisation of %i pixels of %i channels', (pixels, channels) => {
  const shape = { pixels, channels };
  const input = random(pixels * channels, 1);
  const residual = random(pixels * channels, 2);
  const weight = randomArray(channels, 3, -2, 2);
  const bias = randomArray(channels, 4);
  const behind = { residual: true, relu: true } as const;
  const operands = { x: input, scale: weight, shift: bias, epsilon };
  const { y, mean, variance } = batchNormReference(operands);
  const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon));
  const scale = inverse.map((value, c) => value * weight[c]!);
  const terms = pixels + 32;

  it('has the statistics of the batch in float32', async () => {
    const running = { runningMean: randomArray(channels, 5), runningVariance: randomArray(channels, 6, 0.5, 2) };
    const expected = reluReference(addReference(y, residual));
    const plan = planBatchNormTraining(shape, { ...behind, epsilon, momentum, ...half });
    const magnitude = Float64Array.from(input, (value, i) => {
      const c = i % channels;
      return (
        2 * Math.abs(scale[c]!) * (Math.abs(value) + Math.abs(mean[c]!)) + Math.abs(bias[c]!) + Math.abs(residual[i]!)
      );
    });
    await runHalf(device, plan, { input, weight, bias, residual, ...running }, (outputs) => {
      expectStored(outputs, 'output', expected, summationBound(terms, magnitude), 'normalised in float16');
      const old = { mean: running.runningMean, variance: running.runningVariance };
      const moved = runningStatisticsReference(old, { mean, variance }, pixels, momentum);
      // Sums of at most `pixels` values of 16.
      const bound = summationBound(terms, new Float64Array(channels).fill(32));
      expectClose(outputs.floats('runningMean'), moved.mean, bound, 'running mean');
      expectClose(outputs.floats('runningVariance'), moved.variance, bound, 'running variance');
      expect(outputs.floats('status')[0]).toBe(0);
    });
  });

  it('takes the statistics of blocks, in float32', async () => {
    // One block: mean, squared distances, number.
    const statistics = Float32Array.from([
      ...mean,
      ...variance.map((value) => pixels * value),
      ...mean.map(() => pixels),
    ]);
    const running = { runningMean: new Float32Array(channels), runningVariance: new Float32Array(channels) };
    const plan = planBatchNormTraining(shape, { epsilon, momentum, blocks: 1, ...half });
    const magnitude = Float64Array.from(input, (value, i) => {
      const c = i % channels;
      return 2 * Math.abs(scale[c]!) * (Math.abs(value) + Math.abs(mean[c]!)) + Math.abs(bias[c]!);
    });
    await runHalf(device, plan, { input, weight, bias, statistics, ...running }, (outputs) => {
      expectStored(outputs, 'output', y, summationBound(32, magnitude), 'normalised by blocks in float16');
    });
  });

  it('has gradients, those of weight and bias in float32', async () => {
    const gradient = random(pixels * channels, 7);
    const activation = roundedToHalf(Float32Array.from(reluReference(addReference(y, residual))));
    const passed = reluBackwardReference(activation, gradient);
    const { dx, dScale, dShift } = batchNormBackwardReference({ ...operands, dy: passed });
    const coefficients = Float32Array.from([...scale, ...bias, ...mean, ...inverse]);
    const hat = Float64Array.from(input, (value, i) => (value - mean[i % channels]!) * inverse[i % channels]!);
    const sums = new Float64Array(channels);
    const products = new Float64Array(channels);
    passed.forEach((value, i) => {
      sums[i % channels]! += Math.abs(value);
      products[i % channels]! += Math.abs(value * hat[i]!);
    });
    const magnitude = Float64Array.from(passed, (value, i) => {
      const c = i % channels;
      const away = Math.abs(hat[i]!) + Math.abs(mean[c]!) * inverse[c]!;
      return 2 * Math.abs(scale[c]!) * (Math.abs(value) + (sums[c]! + (away + 1) * products[c]!) / pixels);
    });
    const inputs = { input, coefficients, activation };
    for (const accumulateResidual of [false, true]) {
      const before = random(pixels * channels, 8);
      const plan = planBatchNormGradient(shape, { ...behind, accumulateResidual, inPlace: true, ...half });
      const given = { ...inputs, inputGradient: gradient, ...(accumulateResidual && { residualGradient: before }) };
      await runHalf(device, plan, given, (outputs) => {
        expectStored(outputs, 'inputGradient', dx, summationBound(terms, magnitude), 'norm gradient in float16');
        const toResidual = accumulateResidual ? addReference(passed, before) : passed;
        const error = summationBound(1, magnitudes(passed, before));
        expectStored(outputs, 'residualGradient', toResidual, error, 'residual gradient in float16');
        expectClose(outputs.floats('biasGradient'), dShift, summationBound(terms, sums), 'bias gradient');
        // The mean is taken away from each value first.
        const spread = products.map((value, c) => value + sums[c]! * (1 + Math.abs(mean[c]!) * inverse[c]!));
        expectClose(outputs.floats('weightGradient'), dScale, summationBound(terms, spread), 'weight gradient');
        expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
      });
    }
  });

  it('has channel sums in float32', async () => {
    const values = random(pixels * channels, 9);
    const sums = new Float64Array(channels);
    const magnitude = new Float64Array(channels);
    values.forEach((value, i) => {
      sums[i % channels]! += value;
      magnitude[i % channels]! += Math.abs(value);
    });
    await runHalf(device, planChannelSums(pixels, channels, half), { values }, (outputs) => {
      expectClose(outputs.floats('output'), sums, summationBound(pixels + 1, magnitude), 'channel sums of float16');
    });
  });
});

describe.each([
  ['one window sum for all channels', 6, 1],
  ['a window sum for each channel', 4, 4],
])('the IC unit with %s', (_, channels, groups) => {
  const shape = {
    batch: 2,
    inHeight: 5,
    inWidth: 7,
    inChannels: groups === 1 ? 3 : channels,
    outChannels: channels,
    kernel: [1, 1],
    groups,
  } as const;
  const pixels = 70;

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('has gradients, in place: %s, offset: %s', async (inPlace, offset) => {
    const gradient = random(pixels * channels, 1);
    const windowSums = randomArray(pixels * groups, 2);
    const adjust = randomArray(channels, 3);
    const sumAt = (i: number) => windowSums[groups === 1 ? Math.floor(i / channels) : i]!;
    const output = random(pixels * channels, 4);
    const offsets = offset ? randomArray(channels, 5) : new Float32Array(channels);
    const fires = (i: number) => output[i]! > adjust[i % channels]! * sumAt(i) - offsets[i % channels]!;
    const z = Float64Array.from(gradient, (value, i) => (fires(i) ? 2 * value : value));
    const adjustGradient = new Float64Array(channels);
    const offsetGradient = new Float64Array(channels);
    const inputSums = new Float64Array(pixels * groups);
    gradient.forEach((value, i) => {
      if (!fires(i)) return;
      adjustGradient[i % channels]! -= value * sumAt(i);
      offsetGradient[i % channels]! += value;
      inputSums[groups === 1 ? Math.floor(i / channels) : i]! -= value * adjust[i % channels]!;
    });
    const plan = planIcUnitGradient(shape, 'output', { inPlace, offset, ...half });
    const operand = offset ? Float32Array.from([...adjust, ...new Float32Array(64 - channels), ...offsets]) : adjust;
    const inputs = { output, windowSums, adjust: operand, [inPlace ? 'zGradient' : 'gradient']: gradient };
    await runHalf(device, plan, inputs, (outputs) => {
      expectStored(outputs, 'zGradient', z, new Float64Array(z.length), 'gradient of z in float16');
      expectClose(outputs.floats('adjustGradient'), adjustGradient, 2 * 80 * 70 * EPSILON, 'gradient of adjust');
      const sums = offset ? outputs.floats('offsetGradient') : offsetGradient;
      expectClose(sums, offsetGradient, 2 * 80 * 70 * EPSILON, 'gradient of the offsets');
      expectClose(outputs.floats('inputSums'), inputSums, 2 * 80 * EPSILON, 'gradient through the sums');
      expect(outputs.floats('status')[0]).toBe(0);
    });
    const large = gradient.map((value, i) => (fires(i) ? 60000 : value));
    await runHalf(device, plan, { ...inputs, [inPlace ? 'zGradient' : 'gradient']: large }, (outputs) => {
      expect(outputs.floats('status')[0]).toBe(1);
    });
  });
});

describe('the loss', () => {
  const [batch, classes] = [67, 10];
  const logits = randomArray(batch * classes, 1, -4, 4);
  const labels = randomIntegers(batch, 2, classes);
  const scale = 1024;
  const lossScale = Float32Array.of(1 / scale, scale, 0, 0, 0, 0, 0, 0);
  const scaled = (values: ArrayLike<number>) => Float64Array.from(values, (value) => scale * value);
  // Exponentials of what lies within 8 are off by 19 units in the last place at most, and so is their sum.
  const error = new Float64Array(batch * classes).fill((64 * EPSILON * scale) / batch);

  it('is float32, its gradient float16 times the loss scale', async () => {
    const expected = crossEntropyReference({ logits, labels, classes }, 0.1);
    const plan = planCrossEntropy({ batch, classes }, { labelSmoothing: 0.1, gradient: true, ...half });
    await runHalf(device, plan, { logits, labels, lossScale }, (outputs) => {
      expectClose(outputs.floats('losses'), expected.losses, 256 * EPSILON, 'losses beside float16');
      expectStored(outputs, 'gradient', scaled(expected.dLogits), error, 'loss gradient in float16');
      expect(outputs.floats('status')[0]).toBe(0);
    });
    const huge = Float32Array.of(2 ** -24, 2 ** 24, 0, 0, 0, 0, 0, 0);
    await runHalf(device, plan, { logits, labels, lossScale: huge }, (outputs) => {
      expect(outputs.floats('status')[0]).toBe(1);
    });
  });

  it('from a teacher is so as well', async () => {
    const teacher = randomArray(batch * classes, 3, -4, 4);
    const before = random(batch * classes, 4);
    const weight = Float32Array.of(0.5, 0, 0, 0);
    for (const loss of ['mse', 'kl'] as const) {
      const temperature = loss === 'kl' ? { temperature: 2 } : {};
      const operands = { logits, teacher, classes };
      const { dLogits } = loss === 'kl' ? divergenceReference(operands, 2) : squaredDistanceReference(operands);
      const added = Float64Array.from(before, (value, i) => value + 0.5 * scale * dLogits[i]!);
      const plan = planLogitDistillation({ batch, classes }, { loss, ...temperature, ...half });
      const inputs = { logits, teacher, weight, gradient: before, lossScale };
      const bound = error.map((value, i) => 4 * value + EPSILON * Math.abs(added[i]!));
      await expectGradient(plan, 'gradient', inputs, added, bound);
    }
  });

  it('has its scale taken out where gradients are clipped', async () => {
    const gradients = randomArray(128, 5, -scale, scale);
    const norm = Math.hypot(...gradients) / scale;
    for (const most of [norm / 3, norm * 3]) {
      const result = await runPlan(device, planGradientClip(128, most, { scaled: true }), { gradients, lossScale });
      const factor = Math.min(1, most / (norm + 1e-6)) / scale;
      expectClose(
        result.floats('clipping'),
        [factor, norm],
        [1e-4 * factor, 1e-4 * norm],
        'clipping of scaled gradients',
      );
    }
  });
});

it('sums of gradients that do not fit are noted', async () => {
  const large = new Float32Array(6).fill(40000);
  const norm = { pixels: 2, channels: 3 };
  const coefficients = new Float32Array(12).fill(1);
  const pool = { batch: 1, inHeight: 1, inWidth: 2, channels: 3, kernel: [1, 1] } as const;
  const winners = new Uint32Array(6);
  const plans: readonly (readonly [OperationPlan, Readonly<Record<string, Values>>])[] = [
    [planAddGradient(6, { accumulate: true, ...half }), { input: large, output: large }],
    [planReluGradient(6, { accumulate: true, ...half }), { gradient: large, activation: large, inputGradient: large }],
    [planTranspose({ batch: 1, rows: 2, columns: 3 }, { accumulate: true, ...half }), { input: large, output: large }],
    [
      planConcatGradient({ pixels: 2, channels: [3] }, 0, { accumulate: true, ...half }),
      { gradient: large, inputGradient: large },
    ],
    [planMaxPoolGradient(pool, { accumulate: true, ...half }), { gradient: large, winners, inputGradient: large }],
    [planMeanPoolGradient(pool, { accumulate: true, ...half }), { gradient: large, inputGradient: large }],
    [
      planBatchNormGradient(norm, { residual: true, accumulateResidual: true, ...half }),
      { gradient: large, input: new Float32Array(6), coefficients, residualGradient: large },
    ],
  ];
  for (const [plan, inputs] of plans) {
    await runHalf(device, plan, inputs, (outputs) => expect(outputs.floats('status')[0], plan.operation).toBe(1));
  }
});
