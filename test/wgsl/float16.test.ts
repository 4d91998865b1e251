import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  activationOf,
  planActivation,
  planActivationGradient,
  planAffine,
  planAffineGradient,
  planGateGradient,
  planLocalResponseNorm,
  planLocalResponseNormGradient,
  planMultiply,
  planPrelu,
  planPreluGradient,
  planPreluSlopeGradient,
  planSlice,
  planSliceGradient,
  planUpsample,
  planUpsampleGradient,
} from '../../src/layers.js';
import { activationFunctions } from '../../src/ops/activationFunctions.js';
import { planBatchNormTraining } from '../../src/ops/batchNorm.js';
import { planBatchNormGradient } from '../../src/ops/batchNormGradient.js';
import { planChannelSums } from '../../src/ops/channelSums.js';
import { planConcatGradient } from '../../src/ops/concat.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planIcUnitGradient } from '../../src/ops/convolution/icUnitGradient.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { planDense } from '../../src/ops/dense.js';
import { planDenseInputGradient, planDenseWeightGradient } from '../../src/ops/denseGradient.js';
import { planLogitDistillation } from '../../src/ops/distillation.js';
import type { RankedForm } from '../../src/ops/forms.js';
import { planImageToTensor } from '../../src/ops/image.js';
import { planCrossEntropy } from '../../src/ops/loss.js';
import { planLossScale } from '../../src/ops/lossScale.js';
import { planGradientClip } from '../../src/ops/optimisers.js';
import { compilePlan, type OperationPlan } from '../../src/ops/plan.js';
import { planAddGradient, planReluGradient } from '../../src/ops/pointwise.js';
import { planMaxPool, planMaxPoolGradient, planMeanPoolGradient } from '../../src/ops/pool.js';
import type { DeviceTraits } from '../../src/ops/traits.js';
import { planTranspose } from '../../src/ops/transpose.js';
import { nullDevice } from '../support/nullDevice.js';

/* Whether the float16 texts are valid, on a device that checks them and runs none. */
let device: GPUDevice;
let close: () => void;

beforeAll(async () => {
  ({ device, close } = await nullDevice());
});

afterAll(() => close());

const shape = {
  batch: 2,
  inHeight: 6,
  inWidth: 7,
  inChannels: 8,
  outChannels: 16,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
} as const;
const half = { precision: 'float16' } as const;
const trained = { bias: true, statistics: true, ...half } as const;
const everything = { bias: true, scaleShift: true, residual: true, relu: true, precision: 'float16' } as const;

/** Forms of a family that differ in their texts: the smallest of each kind. */
const kindOf = ({ family, tile }: RankedForm): string =>
  [family, tile.half, tile.read, tile.fold, tile.edge, tile.splits !== undefined && tile.splits > 1].join();

describe.each([4, 8, 32])('with subgroups of %i', (subgroup) => {
  it.each([
    ['vectors', shape],
    ['single channels', { ...shape, inChannels: 3, outChannels: 5 }],
    ['pairs', { ...shape, inChannels: 6, outChannels: 10 }],
    ['groups', { ...shape, groups: 4 }],
    ['a filter for each channel', { ...shape, outChannels: 8, groups: 8 }],
  ])('convolutions of %s are valid in every form', async (_, shape) => {
    const seen = new Map<string, RankedForm>();
    const look: DeviceTraits = {
      subgroup,
      choose: ({ forms, operation }) => {
        for (const form of forms) {
          const kind = `${operation} ${kindOf(form)}`;
          if (form.body < (seen.get(kind)?.body ?? Number.POSITIVE_INFINITY)) seen.set(kind, form);
        }
        return forms.find(({ family }) => family === 'winograd') ?? forms[0]!;
      },
    };
    const plansOf: Readonly<Record<string, (traits: DeviceTraits) => OperationPlan>> = {
      ...Object.fromEntries(
        (['none', 'output', 'input'] as const).flatMap((adjust) => [
          [adjust, (traits) => planConvolution(shape, { ...everything, adjust }, traits)],
          [
            `${adjust}, to train`,
            (traits) => planConvolution(shape, { ...trained, adjust, storeSums: adjust !== 'none' }, traits),
          ],
        ]),
      ),
      activation: (traits) => planConvolution(shape, { ...trained, activation: activationOf('gelu') }, traits),
      slopes: (traits) => planConvolution(shape, { bias: true, slopes: true, ...half }, traits),
      inputGradient: (traits) => planConvolutionInputGradient(shape, { ...half, accumulate: true }, traits),
      inputGradientOfUnit: (traits) => planConvolutionInputGradient(shape, { ...half, windowSums: 'input' }, traits),
      filterGradient: (traits) => planConvolutionFilterGradient(shape, half, traits),
    };
    for (const [name, planOf] of Object.entries(plansOf)) {
      seen.clear();
      planOf(look);
      expect(seen.size, name).toBeGreaterThan(2);
      for (const [kind, form] of seen) {
        const product = kind.startsWith('winogradProduct');
        const choose: DeviceTraits['choose'] = ({ forms, operation }) => {
          if (operation === 'winogradProduct') return product ? form : forms[0]!;
          return product ? forms.find(({ family }) => family === 'winograd')! : form;
        };
        await compilePlan(device, planOf({ subgroup, choose }));
      }
    }
  });
});

it.each([
  ['vectors', 8, 1],
  ['pairs', 6, 1],
  ['single channels', 5, 1],
  ['a sum for each channel', 8, 8],
])('what training does beside multiplying is valid, for %s', async (_, channels, groups) => {
  const norm = { pixels: 14, channels };
  const pool = {
    batch: 1,
    inHeight: 6,
    inWidth: 5,
    channels,
    kernel: [3, 2],
    stride: [2, 1],
    padding: [1, 1],
  } as const;
  const unit = { ...shape, inChannels: channels, outChannels: channels, groups };
  const behind = { residual: true, relu: true, ...half };
  for (const plan of [
    planBatchNormTraining(norm, { epsilon: 1e-5, momentum: 0.1, ...behind }),
    planBatchNormTraining(norm, { epsilon: 1e-5, momentum: 0.1, blocks: 3, ...behind }),
    planBatchNormGradient(norm, behind),
    planBatchNormGradient(norm, { ...behind, accumulateResidual: true, inPlace: true }),
    planBatchNormGradient(norm, { activation: activationOf('silu'), inPlace: true, ...half }),
    ...activationFunctions.flatMap((name) => [
      planActivation(channels, name, half),
      planActivationGradient(channels, name, { accumulate: true, ...half }),
      planBatchNormTraining(norm, { epsilon: 1e-5, momentum: 0.1, activation: activationOf(name), ...half }),
    ]),
    planPrelu(norm, half),
    planPreluGradient(norm, { accumulate: true, ...half }),
    planPreluSlopeGradient(norm, half),
    planIcUnitGradient(unit, 'output', half),
    planIcUnitGradient(unit, 'input', { inPlace: true, ...half }),
    planIcUnitGradient(unit, 'output', { offset: true, ...half }),
    planIcUnitGradient(unit, 'input', { offset: true, ...half }),
    planChannelSums(14, channels, half),
    planChannelSums(14, channels, { factors: true, groups, ...half }),
    planMaxPool(pool, { storeWinners: true, ...half }),
    planMaxPoolGradient(pool, half),
    planMeanPoolGradient(pool, { accumulate: true, ...half }),
    planReluGradient(channels, { accumulate: true, ...half }),
    planAddGradient(channels, { accumulate: true, ...half }),
    planTranspose({ batch: 2, rows: 3, columns: channels }, { accumulate: true, ...half }),
    planConcatGradient({ pixels: 3, channels: [channels, 4] }, 0, { accumulate: true, ...half }),
    planDenseInputGradient({ batch: 3, inFeatures: 7, outFeatures: channels }, half, { subgroup: 8 }),
    planDenseWeightGradient({ batch: 3, inFeatures: 7, outFeatures: channels }, { subgroup: 8 }, half),
    planCrossEntropy({ batch: 3, classes: channels }, { gradient: true, ...half }),
    planLogitDistillation({ batch: 3, classes: channels }, { loss: 'kl', ...half }),
    planLogitDistillation({ batch: 3, classes: channels }, { loss: 'mse', ...half }),
    planGradientClip(64, 1, { scaled: true }),
    planLossScale(4, 7),
  ]) {
    await compilePlan(device, plan);
  }
});

it.each([8, 6, 5])('layers that are loaded are valid, for %i channels', async (channels) => {
  const norm = { pixels: 14, channels };
  const gates = { batch: 2, pixels: 7, channels };
  const slice = { pixels: 3, channels: channels + 4, start: 4, count: channels };
  const response = { size: 3, alpha: 1e-4, beta: 0.75, k: 2, ...half };
  const enlarged = { batch: 1, inHeight: 3, inWidth: 2, channels, factor: [2, 3] } as const;
  const modes = [{ mode: 'nearest' }, { mode: 'bilinear' }, { mode: 'bilinear', alignCorners: true }] as const;
  for (const plan of [
    planMultiply(gates, half),
    planMultiply(gates, { gate: true, accumulate: true, ...half }),
    planGateGradient(gates, { accumulate: true, ...half }),
    planAffine(norm, half),
    planAffineGradient(norm, { accumulate: true, ...half }),
    planAffineGradient(norm, { parametersOnly: true, ...half }),
    planSlice(slice, half),
    planSliceGradient(slice, half),
    planSliceGradient(slice, { accumulate: true, ...half }),
    planLocalResponseNorm(norm, response),
    planLocalResponseNormGradient(norm, { ...response, accumulate: true }),
    ...modes.map((mode) => planUpsample(enlarged, { ...mode, ...half })),
    ...modes.map((mode) => planUpsampleGradient(enlarged, { ...mode, accumulate: true, ...half })),
  ]) {
    await compilePlan(device, plan);
  }
});

it('dense layers that leave float32 are valid', async () => {
  const options = { bias: true, precision: 'float16', outputPrecision: 'float32' } as const;
  for (const outFeatures of [10, 16]) {
    await compilePlan(device, planDense({ batch: 3, inFeatures: 12, outFeatures }, options, { subgroup: 32 }));
  }
});

it('pictures and frames that become float16 are valid', async () => {
  const image = { imageWidth: 5, imageHeight: 4, width: 3, height: 2, channels: 3 } as const;
  for (const source of ['texture', 'external'] as const) {
    await compilePlan(device, planImageToTensor(image, { source, precision: 'float16' }));
  }
});
