import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planBatchNormTraining } from '../../src/ops/batchNorm.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { ChooseForm, RankedForm } from '../../src/ops/forms.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { batchStatisticsReference } from '../reference/normalisation.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose } from '../support/tolerance.js';
import { adjustOperand, randomCase } from './convolutionCase.js';
import { largestBodyFor } from './formsCase.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const base = { batch: 2, kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
const window = { kernel: [3, 3], padding: [1, 1] } as const;

/** Blocks of pixels filled in part in both directions, each vector width, idle lanes, groups, more than a block of channels. */
const shapes: Readonly<Record<string, CompleteConvolution>> = {
  pointwise: { ...base, inHeight: 5, inWidth: 7, inChannels: 8, outChannels: 20 },
  'one pixel': { ...base, batch: 1, inHeight: 1, inWidth: 1, inChannels: 5, outChannels: 7 },
  '3x3': { ...base, ...window, batch: 3, inHeight: 7, inWidth: 9, inChannels: 5, outChannels: 6 },
  'wide 3x3': { ...base, ...window, inHeight: 11, inWidth: 17, inChannels: 12, outChannels: 72 },
  strided: { ...base, ...window, stride: [2, 2], inHeight: 9, inWidth: 8, inChannels: 3, outChannels: 9 },
  grouped: { ...base, inHeight: 6, inWidth: 5, inChannels: 6, outChannels: 18, groups: 2 },
  depthwise: { ...base, ...window, batch: 3, inHeight: 7, inWidth: 5, inChannels: 8, outChannels: 8, groups: 8 },
};

/** Of each family the form that the cost model likes best and one far from it, among those that compile quickly. */
function someForms(shape: CompleteConvolution): RankedForm[] {
  const traits = deviceTraits(device);
  const largestBody = largestBodyFor(traits.subgroup);
  let forms: readonly RankedForm[] = [];
  const choose: ChooseForm = (request) => {
    forms = request.forms.filter(({ body }) => body <= largestBody);
    return request.forms.find(({ family }) => family === 'naive')!;
  };
  planConvolution(shape, {}, { ...traits, choose });
  const families = [...new Set(forms.map(({ family }) => family))];
  return families.flatMap((name) => {
    const family = forms.filter((form) => form.family === name);
    return [...new Set([family[0]!, family[((2 * family.length) / 3) | 0]!])];
  });
}

/** Batch statistics put together in float64 from those of blocks. */
function merge(statistics: Float32Array, channels: number) {
  const blocks = statistics.length / (3 * channels);
  const at = (block: number, plane: number, c: number) => statistics[(block * 3 + plane) * channels + c]!;
  const every = Array.from({ length: blocks }, (_, block) => block);
  const sumOver = (value: (block: number) => number) => every.reduce((sum, block) => sum + value(block), 0);
  return Array.from({ length: channels }, (_, c) => {
    const count = sumOver((block) => at(block, 2, c));
    const mean = sumOver((block) => at(block, 2, c) * at(block, 0, c)) / count;
    const squares = sumOver((block) => at(block, 1, c) + at(block, 2, c) * (at(block, 0, c) - mean) ** 2);
    return { count, mean, variance: squares / count };
  });
}

/** Of a mean and a variance kept up value by value: each step rounds at the size of the mean. */
function bounds(mean: ArrayLike<number>, variance: ArrayLike<number>) {
  const steps = 128;
  const deviation = Float64Array.from(variance, Math.sqrt);
  return {
    mean: deviation.map((spread, c) => steps * EPSILON * (spread + Math.abs(mean[c]!))),
    variance: deviation.map((spread, c) => {
      const place = steps * EPSILON * Math.abs(mean[c]!);
      return steps * EPSILON * spread ** 2 + place * spread + place ** 2;
    }),
  };
}

describe.each(Object.entries(shapes))('Statistics of the output: %s', (_, shape) => {
  it('in every form', async () => {
    const adjust = 'output';
    const { outChannels: channels } = shape;
    const pixels = checkConvolution('case', shape).outputBytes / 4 / channels;
    const one = randomCase(shape, adjust, true, 5, true);
    // One channel far from 0, where the difference of large squares would tell nothing.
    const bias = one.bias!.map((value, k) => (k === 1 ? 300 : value));
    const inputs = { input: one.input, filter: one.filter, bias, ...adjustOperand(one) };
    for (const form of someForms(shape)) {
      const traits = deviceTraits(device, (request) =>
        request.operation === 'winogradProduct' ? request.forms.find(({ family }) => family === 'naive')! : form,
      );
      const what = `${form.family} ${JSON.stringify(form.tile)}`;
      const plain = await runPlan(device, planConvolution(shape, { adjust, offset: true, bias: true }, traits), inputs);
      const plan = planConvolution(shape, { adjust, offset: true, bias: true, statistics: true }, traits);
      const result = await runPlan(device, plan, inputs);
      expect(result.integers('output'), `${what}: output`).toEqual(plain.integers('output'));

      const output = result.floats('output');
      const statistics = result.floats('statistics');
      const reference = batchStatisticsReference(output, channels);
      const bound = bounds(reference.mean, reference.variance);
      const merged = merge(statistics, channels);
      expect(
        merged.map(({ count }) => count),
        `${what}: count`,
      ).toEqual(Array(channels).fill(pixels));
      expectClose(
        merged.map(({ mean }) => mean),
        reference.mean,
        bound.mean,
        `${what}: mean`,
      );
      expectClose(
        merged.map(({ variance }) => variance),
        reference.variance,
        bound.variance,
        `${what}: variance`,
      );

      if (pixels < 2) continue;
      const blocks = statistics.length / (3 * channels);
      const norm = planBatchNormTraining({ pixels, channels }, { epsilon: 1e-5, momentum: 1, blocks });
      const state = { weight: randomArray(channels, 6), bias: randomArray(channels, 7) };
      const running = { runningMean: new Float32Array(channels), runningVariance: new Float32Array(channels) };
      const normalised = await runPlan(device, norm, { input: output, statistics, ...state, ...running });
      const unbiased = (variance: Float64Array) => variance.map((value) => (value * pixels) / (pixels - 1));
      const twice = (bound: Float64Array) => bound.map((value) => 2 * value);
      expectClose(normalised.floats('runningMean'), reference.mean, twice(bound.mean), `${what}: merged mean`);
      expectClose(
        normalised.floats('runningVariance'),
        unbiased(reference.variance),
        twice(unbiased(bound.variance)),
        `${what}: merged variance`,
      );
    }
  });
});

it('refuses statistics beside a scale and shift', () => {
  const both = () => planConvolution(shapes.pointwise!, { statistics: true, scaleShift: true }, deviceTraits(device));
  expect(both).toThrow(/conv2d.*statistics/s);
});
