import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planBatchNormInference, planBatchNormTraining } from '../../src/ops/batchNorm.js';
import { planBatchNormGradient } from '../../src/ops/batchNormGradient.js';
import { planCrossEntropy } from '../../src/ops/loss.js';
import { planGradientClip } from '../../src/ops/optimisers.js';
import {
  type PoolShape,
  planMaxPool,
  planMaxPoolGradient,
  planMeanPool,
  planMeanPoolGradient,
} from '../../src/ops/pool.js';
import { planSoftmax } from '../../src/ops/softmax.js';
import { forEachTap, outputSize } from '../reference/window.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan, type Values } from '../support/runPlan.js';
import { notFinite, unique } from './notFinite.js';

/** What docs/numerics.md says of NaN and infinity beside convolutions. */
let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const spoilt = (values: Values, at: number, value: number) =>
  Float32Array.from(values, (kept, i) => (i === at ? value : kept));
const wrong = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

describe('pools', () => {
  const [batch, inHeight, inWidth, channels] = [2, 5, 9, 3];
  const shape: Required<PoolShape> = {
    batch,
    inHeight,
    inWidth,
    channels,
    kernel: [2, 3],
    stride: [3, 4],
    padding: [0, 1, 1, 0],
    ceilMode: true,
  };
  const geometry = { ...shape, shape: [batch, inHeight, inWidth, channels], dilation: [1, 1] } as const;
  const [outHeight, outWidth] = outputSize(geometry);
  const inputs = batch * inHeight * inWidth * channels;
  const outputs = batch * outHeight * outWidth * channels;
  const input = randomArray(inputs, 1);
  const gradient = randomArray(outputs, 2);
  const pairs: { input: number; output: number }[] = [];
  forEachTap(geometry, (_, inputPixel, outputPixel) => {
    for (let c = 0; c < channels; c++) {
      pairs.push({ input: inputPixel * channels + c, output: outputPixel * channels + c });
    }
  });

  it('take from a window what is not finite, the largest where it is the largest', async () => {
    for (let at = 0; at < inputs; at += 2) {
      const value = wrong[at % 3]!;
      const windows = pairs.filter((pair) => pair.input === at).map((pair) => pair.output);
      const given = { input: spoilt(input, at, value) };
      const mean = await runPlan(device, planMeanPool(shape), given);
      expect(notFinite(mean.floats('output')), `mean of ${value} at ${at}`).toEqual(windows);
      const largest = await runPlan(device, planMaxPool(shape), given);
      const wins = value === Number.NEGATIVE_INFINITY ? [] : windows;
      expect(notFinite(largest.floats('output')), `largest of ${value} at ${at}`).toEqual(wins);
    }
  });

  it.each([
    true,
    false,
  ])('bring a gradient to the pixels of its window, or to its winner, padding counted %s', async (countPadding) => {
    const { winners } = await runPlan(device, planMaxPool(shape, { storeWinners: true }), { input }).then((result) => {
      return { winners: result.integers('winners') };
    });
    for (let at = 0; at < outputs; at++) {
      const given = { gradient: spoilt(gradient, at, wrong[at % 3]!) };
      const pixels = pairs.filter((pair) => pair.output === at).map((pair) => pair.input);
      const mean = await runPlan(device, planMeanPoolGradient(shape, { countPadding }), given);
      expect(notFinite(mean.floats('inputGradient'))).toEqual(unique(pixels));
      const largest = await runPlan(device, planMaxPoolGradient(shape), { ...given, winners });
      const [winner, ...others] = notFinite(largest.floats('inputGradient'));
      expect(others).toEqual([]);
      expect(pixels.map((place) => input[place]!).sort((a, b) => b - a)[0]).toBe(input[winner!]);
    }
  });
});

describe('batch norm', () => {
  const [pixels, channels] = [70, 6];
  const count = pixels * channels;
  const x = randomArray(count, 3);
  const parameters = { weight: randomArray(channels, 4), bias: randomArray(channels, 5) };
  const running = { runningMean: randomArray(channels, 6), runningVariance: randomArray(channels, 7, 0.5, 2) };
  const channel = (c: number) => Array.from({ length: pixels }, (_, pixel) => pixel * channels + c);

  it.each(wrong)('spoils a channel by %d in it, its statistics too, and no other one', async (value) => {
    for (const at of [2, count - 3]) {
      const plan = planBatchNormTraining({ pixels, channels }, { epsilon: 1e-5, momentum: 0.1 });
      const result = await runPlan(device, plan, { input: spoilt(x, at, value), ...parameters, ...running });
      const c = at % channels;
      expect(notFinite(result.floats('output'))).toEqual(channel(c));
      for (const name of ['runningMean', 'runningVariance']) expect(notFinite(result.floats(name)), name).toEqual([c]);
    }
  });

  it('with running statistics spoils the element alone', async () => {
    const scaleShift = randomArray(2 * channels, 8);
    for (const value of wrong) {
      const given = { input: spoilt(x, 9, value), scaleShift };
      const result = await runPlan(device, planBatchNormInference({ pixels, channels }), given);
      expect(notFinite(result.floats('output'))).toEqual([9]);
    }
  });

  it.each(wrong)('brings a gradient of %d to its channel, unless the ReLU behind stopped it', async (value) => {
    const train = planBatchNormTraining({ pixels, channels }, { epsilon: 1e-5, momentum: 0.1, relu: true });
    const ahead = await runPlan(device, train, { input: x, ...parameters, ...running });
    const activation = ahead.floats('output');
    const plan = planBatchNormGradient({ pixels, channels }, { relu: true });
    for (const passed of [true, false]) {
      const at = activation.findIndex((y) => y > 0 === passed);
      const gradient = spoilt(randomArray(count, 9), at, value);
      const given = { gradient, activation, input: x, coefficients: ahead.floats('coefficients') };
      const result = await runPlan(device, plan, given);
      const c = at % channels;
      expect(notFinite(result.floats('inputGradient'))).toEqual(passed ? channel(c) : []);
      for (const name of ['weightGradient', 'biasGradient']) {
        expect(notFinite(result.floats(name)), name).toEqual(passed ? [c] : []);
      }
    }
  });
});

describe('softmax and its cross entropy', () => {
  const [batch, classes] = [5, 4];
  const logits = randomArray(batch * classes, 10);
  const labels = Uint32Array.of(0, 1, 2, 3, 0);

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('spoil the example that has %d, and no other one', async (value) => {
    for (const at of [0, 10, 19]) {
      const own = Math.floor(at / classes);
      const given = spoilt(logits, at, value);
      const { floats } = await runPlan(device, planSoftmax(batch, classes), { input: given });
      const plan = planCrossEntropy({ batch, classes }, { gradient: true });
      const result = await runPlan(device, plan, { logits: given, labels });
      expect(notFinite(result.floats('losses'))).toEqual([own]);
      for (const rows of [floats('output'), result.floats('gradient')]) {
        expect(unique(notFinite(rows).map((place) => Math.floor(place / classes)))).toEqual([own]);
      }
    }
  });

  it('take a logit of minus infinity for a class that is ruled out', async () => {
    const given = spoilt(logits, 10, Number.NEGATIVE_INFINITY);
    const { floats } = await runPlan(device, planSoftmax(batch, classes), { input: given });
    expect(notFinite(floats('output'))).toEqual([]);
    expect(floats('output')[10]).toBe(0);
    const result = await runPlan(device, planCrossEntropy({ batch, classes }, { gradient: true }), {
      logits: given,
      labels,
    });
    expect(result.floats('losses')[2]).toBe(Number.POSITIVE_INFINITY);
    expect(notFinite(result.floats('losses'))).toEqual([2]);
    expect(notFinite(result.floats('gradient'))).toEqual([]);
  });
});

it('clipping scales by NaN where a gradient is NaN, and by 0 where one is infinite', async () => {
  const scales: number[] = [];
  for (const value of wrong) {
    const plan = planGradientClip(128, 1);
    const result = await runPlan(device, plan, { gradients: spoilt(randomArray(128, 11), 70, value) });
    scales.push(result.floats('clipping')[0]!);
  }
  expect(scales).toEqual([Number.NaN, 0, 0]);
});
