import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import { planBatchNormFold, planBatchNormInference, planBatchNormTraining } from '../../src/ops/batchNorm.js';
import { planBatchNormGradient } from '../../src/ops/batchNormGradient.js';
import { planChannelSums } from '../../src/ops/channelSums.js';
import { planConcat, planConcatGradient } from '../../src/ops/concat.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planIcUnitGradient } from '../../src/ops/convolution/icUnitGradient.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import type { ConvolutionShape } from '../../src/ops/convolution/shape.js';
import { planDense } from '../../src/ops/dense.js';
import { planDenseInputGradient, planDenseWeightGradient } from '../../src/ops/denseGradient.js';
import { planLogitDistillation } from '../../src/ops/distillation.js';
import { planIcActivity } from '../../src/ops/icActivity.js';
import { planImageToTensor, planTensorToImage } from '../../src/ops/image.js';
import { planCrossEntropy, planEvaluationMetrics, planLabelRank, planStepMetrics } from '../../src/ops/loss.js';
import { planAdamW, planGradientClip, planSgd } from '../../src/ops/optimisers.js';
import { planAdd, planAddGradient, planRelu, planReluGradient } from '../../src/ops/pointwise.js';
import {
  type PoolShape,
  planMaxPool,
  planMaxPoolGradient,
  planMeanPool,
  planMeanPoolGradient,
} from '../../src/ops/pool.js';
import { planTranspose } from '../../src/ops/transpose.js';

interface Said {
  readonly operation: string;
  readonly parameter: string;
  readonly expected: string;
  readonly got: string;
}

function failure(plan: () => unknown): unknown {
  try {
    plan();
  } catch (error) {
    return error;
  }
  return expect.fail('nothing was thrown');
}

/** The error's type, its four parts, and a message made of them. */
function expectShapeError(plan: () => unknown, said: Said): void {
  const error = failure(plan);
  expect(error).toBeInstanceOf(ShapeError);
  const { operation, parameter, expected, got } = said;
  expect(error).toMatchObject({ name: 'ShapeError', ...said });
  expect((error as Error).message).toBe(`${operation}: ${parameter}: expected ${expected}, got ${got}`);
}

const positive = 'a positive integer';
const nonNegative = 'a non-negative integer';
const traits = { subgroup: 4 };

const convolution: ConvolutionShape = {
  batch: 1,
  inHeight: 5,
  inWidth: 6,
  inChannels: 4,
  outChannels: 6,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
};

const convolutionPlans: readonly [operation: string, plan: (shape: ConvolutionShape) => unknown][] = [
  ['conv2d', (shape) => planConvolution(shape, {}, traits)],
  ['icConv2d', (shape) => planConvolution(shape, { adjust: 'output' }, traits)],
  ['icUnitGradient', (shape) => planIcUnitGradient(shape, 'output')],
  ['conv2dInputGradient', (shape) => planConvolutionInputGradient(shape, {}, traits)],
  ['conv2dFilterGradient', (shape) => planConvolutionFilterGradient(shape, {}, traits)],
];

const wrongConvolutions: readonly (readonly [Partial<ConvolutionShape>, Omit<Said, 'operation'>])[] = [
  [{ batch: 0 }, { parameter: 'batch', expected: positive, got: '0' }],
  [{ inHeight: -1 }, { parameter: 'inHeight', expected: positive, got: '-1' }],
  [{ inWidth: 2.5 }, { parameter: 'inWidth', expected: positive, got: '2.5' }],
  [{ inChannels: Number.NaN }, { parameter: 'inChannels', expected: positive, got: 'NaN' }],
  [{ outChannels: Infinity }, { parameter: 'outChannels', expected: positive, got: 'Infinity' }],
  [{ groups: 0 }, { parameter: 'groups', expected: positive, got: '0' }],
  [{ groups: 3 }, { parameter: 'inChannels', expected: 'a multiple of 3 groups', got: '4' }],
  [{ groups: 4 }, { parameter: 'outChannels', expected: 'a multiple of 4 groups', got: '6' }],
  [{ kernel: 3 as never }, { parameter: 'kernel', expected: 'a pair [height, width]', got: '3' }],
  [{ stride: [1] as never }, { parameter: 'stride', expected: 'a pair [height, width]', got: '1' }],
  [{ kernel: [3, 0] }, { parameter: 'kernel', expected: positive, got: '0' }],
  [{ stride: [1, 1.5] }, { parameter: 'stride', expected: positive, got: '1.5' }],
  [{ stride: [0, 1] }, { parameter: 'stride', expected: positive, got: '0' }],
  [{ padding: [-1, 0] }, { parameter: 'padding', expected: nonNegative, got: '-1' }],
  [{ padding: [0, 0.5] }, { parameter: 'padding', expected: nonNegative, got: '0.5' }],
  [{ padding: [0, 0, 0, -1] }, { parameter: 'padding', expected: nonNegative, got: '-1' }],
  [
    { padding: [1] as never },
    { parameter: 'padding', expected: 'a pair [height, width] or [top, left, bottom, right]', got: '1' },
  ],
  [{ dilation: [1, 0] }, { parameter: 'dilation', expected: positive, got: '0' }],
  [{ kernel: [8, 1] }, { parameter: 'kernel', expected: 'a window of at most 7 elements, the padded input', got: '8' }],
  [
    { dilation: [1, 4] },
    { parameter: 'kernel', expected: 'a window of at most 8 elements, the padded input', got: '9' },
  ],
];

describe.each(convolutionPlans)('%s', (operation, plan) => {
  it.each(wrongConvolutions)('refuses %o', (wrong, said) => {
    expectShapeError(() => plan({ ...convolution, ...wrong }), { operation, ...said });
  });
});

describe('a convolution', () => {
  it('has stride 1, no padding, dilation 1 and one group where nothing is said', () => {
    const { batch, inHeight, inWidth, inChannels, outChannels, kernel } = convolution;
    const least = { batch, inHeight, inWidth, inChannels, outChannels, kernel };
    const said = { ...least, stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
    for (const [, plan] of convolutionPlans) {
      expect(JSON.stringify(plan(least))).toBe(JSON.stringify(plan(said)));
      expect(JSON.stringify(plan({ ...least, padding: [1, 1] }))).not.toBe(JSON.stringify(plan(said)));
    }
  });

  it('stores window sums of an IC unit alone', () => {
    const said = { operation: 'conv2d', parameter: 'storeSums', expected: 'adjust output or input', got: 'none' };
    expectShapeError(() => planConvolution(convolution, { storeSums: true }, traits), said);
  });

  it('has offsets in an IC unit alone', () => {
    const said = { operation: 'conv2d', parameter: 'offset', expected: 'adjust output or input', got: 'none' };
    expectShapeError(() => planConvolution(convolution, { offset: true }, traits), said);
    const dense = { batch: 1, inFeatures: 2, outFeatures: 3 };
    expectShapeError(() => planDense(dense, { bias: true, adjust: 'none', offset: true }, traits), said);
  });

  it('needs subgroups for the family of that name', () => {
    const options = { family: 'subgroup' } as const;
    for (const plan of [planConvolution, planConvolutionInputGradient, planConvolutionFilterGradient]) {
      const error = failure(() => plan(convolution, options, {}));
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error).toMatchObject({
        parameter: 'family',
        expected: expect.stringMatching(/^one of .*naive.* for this shape and device$/),
        got: 'subgroup',
      });
    }
  });
});

describe('the fields of a shape', () => {
  const anything = {} as never;
  const plans: readonly [operation: string, plan: (shape: never) => unknown, fields: string][] = [
    ...[...convolutionPlans, ['icActivity', (shape: ConvolutionShape) => planIcActivity(shape, 'output')] as const].map(
      ([operation, plan]) =>
        [
          operation,
          plan,
          'batch, inHeight, inWidth, inChannels, outChannels, groups, kernel, stride, padding, dilation',
        ] as [string, (shape: never) => unknown, string],
    ),
    ...(
      [
        ['maxPool', planMaxPool],
        ['maxPoolGradient', planMaxPoolGradient],
        ['meanPool', planMeanPool],
        ['meanPoolGradient', planMeanPoolGradient],
      ] as const
    ).map(([operation, plan]): [string, (shape: never) => unknown, string] => [
      operation,
      plan,
      'batch, inHeight, inWidth, channels, kernel, stride, padding, ceilMode',
    ]),
    ['dense', (shape) => planDense(shape, { bias: true }, traits), 'batch, inFeatures, outFeatures'],
    ['denseInputGradient', (shape) => planDenseInputGradient(shape, {}, traits), 'batch, inFeatures, outFeatures'],
    ['denseWeightGradient', (shape) => planDenseWeightGradient(shape, traits), 'batch, inFeatures, outFeatures'],
    ['batchNorm', (shape) => planBatchNormTraining(shape, { epsilon: 1e-5, momentum: 0.1 }), 'pixels, channels'],
    ['batchNormInference', planBatchNormInference, 'pixels, channels'],
    ['batchNormGradient', (shape) => planBatchNormGradient(shape, {}), 'pixels, channels'],
    ['concat', planConcat, 'pixels, channels'],
    ['concatGradient', (shape) => planConcatGradient(shape, 0), 'pixels, channels'],
    ['transpose', planTranspose, 'batch, rows, columns'],
    ['crossEntropy', planCrossEntropy, 'batch, classes'],
    ['labelRank', planLabelRank, 'batch, classes'],
    ['logitDistillation', (shape) => planLogitDistillation(shape, { loss: 'mse' }), 'batch, classes'],
    ['imageToTensor', planImageToTensor, 'imageWidth, imageHeight, width, height, channels'],
    ['tensorToImage', planTensorToImage, 'width, height, channels'],
  ];

  it.each(plans)('of %s are named all at once where they are missing', (operation, plan, expected) => {
    const optional = ['stride', 'padding', 'dilation', 'groups', 'ceilMode'];
    const needed = expected.split(', ').filter((name) => !optional.includes(name));
    const got = `missing: ${needed.join(', ')}; unknown: none`;
    expectShapeError(() => plan(anything), { operation, parameter: 'shape', expected, got });
  });

  it('are named all at once where they are missing or unknown', () => {
    const { kernel: _, ...rest } = convolution;
    const wrong = { ...rest, batch: undefined, strides: [1, 1], colour: 3 };
    const error = failure(() => planConvolution(wrong as never, {}, traits));
    expect(error).toMatchObject({
      ...{ name: 'ShapeError', operation: 'conv2d', parameter: 'shape' },
      got: 'missing: batch, kernel; unknown: strides, colour',
    });
    const { stride: __, ...without } = convolution;
    const slip = failure(() => planConvolution({ ...without, strides: [2, 2] } as never, {}, traits));
    expect(slip).toMatchObject({ got: 'missing: none; unknown: strides' });
  });
});

describe('a pooling', () => {
  it('has stride 1 and no padding where nothing is said', () => {
    const least = { batch: 1, inHeight: 5, inWidth: 6, channels: 4, kernel: [2, 3] } as const;
    for (const plan of [planMaxPool, planMaxPoolGradient, planMeanPool, planMeanPoolGradient]) {
      expect(plan(least)).toEqual(plan({ ...least, stride: [1, 1], padding: [0, 0] }));
      expect(plan(least)).not.toEqual(plan({ ...least, stride: [2, 1] }));
    }
  });

  const pool: PoolShape = {
    batch: 1,
    inHeight: 5,
    inWidth: 6,
    channels: 4,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1],
  };
  const plans: readonly [operation: string, plan: (shape: PoolShape) => unknown][] = [
    ['maxPool', planMaxPool],
    ['maxPoolGradient', planMaxPoolGradient],
    ['meanPool', planMeanPool],
    ['meanPoolGradient', planMeanPoolGradient],
  ];
  const aPixel = 'a pixel of the image in every window';
  const wrong: readonly (readonly [Partial<PoolShape>, Omit<Said, 'operation'>])[] = [
    [{ batch: 0 }, { parameter: 'batch', expected: positive, got: '0' }],
    [{ inHeight: 0 }, { parameter: 'inHeight', expected: positive, got: '0' }],
    [{ inWidth: 1.5 }, { parameter: 'inWidth', expected: positive, got: '1.5' }],
    [{ channels: -2 }, { parameter: 'channels', expected: positive, got: '-2' }],
    [{ stride: [2, 0.5] }, { parameter: 'stride', expected: positive, got: '0.5' }],
    [{ padding: [-1, 1] }, { parameter: 'padding', expected: nonNegative, got: '-1' }],
    [
      { kernel: [9, 3] },
      { parameter: 'kernel', expected: 'a window of at most 7 elements, the padded input', got: '9' },
    ],
    [{ padding: [1, 3] }, { parameter: 'padding', expected: aPixel, got: '[1, 3]' }],
    [{ padding: [0, 1, 4, 0] }, { parameter: 'padding', expected: aPixel, got: '[0, 1, 4, 0]' }],
    [{ padding: [3, 0, 0, 0] }, { parameter: 'padding', expected: aPixel, got: '[3, 0, 0, 0]' }],
    [{ padding: [1, 1, -1, 0] }, { parameter: 'padding', expected: nonNegative, got: '-1' }],
    [
      { padding: [1, 1, 1] as never },
      { parameter: 'padding', expected: 'a pair [height, width] or [top, left, bottom, right]', got: '1,1,1' },
    ],
    [{ ceilMode: 1 as never }, { parameter: 'ceilMode', expected: 'true or false', got: '1' }],
    [
      { ceilMode: true, kernel: [9, 3] },
      {
        parameter: 'kernel',
        expected: 'a window of at most 8 elements, with the last stride',
        got: '9',
      },
    ],
  ];

  it.each(plans)('%s refuses what does not fit', (operation, plan) => {
    for (const [change, said] of wrong) expectShapeError(() => plan({ ...pool, ...change }), { operation, ...said });
  });
});

describe('batch normalisation', () => {
  const shape = { pixels: 4, channels: 3 };
  const options = { epsilon: 1e-5, momentum: 0.1 };

  it.each([
    ['batchNorm', (wrong) => planBatchNormTraining(wrong, options)],
    ['batchNormInference', (wrong) => planBatchNormInference(wrong)],
    ['batchNormGradient', (wrong) => planBatchNormGradient(wrong, {})],
  ] as const satisfies [string, (wrong: typeof shape) => unknown][])('%s refuses a wrong size', (operation, plan) => {
    const said = { operation, expected: positive };
    expectShapeError(() => plan({ ...shape, pixels: 0 }), { ...said, parameter: 'pixels', got: '0' });
    expectShapeError(() => plan({ ...shape, channels: 1.5 }), { ...said, parameter: 'channels', got: '1.5' });
  });

  it('refuses a single value a channel', () => {
    expectShapeError(() => planBatchNormTraining({ pixels: 1, channels: 3 }, options), {
      operation: 'batchNorm',
      parameter: 'pixels',
      expected: 'at least 2 values a channel, or their variance says nothing',
      got: '1',
    });
  });

  it.each([-0.1, 1.1, Number.NaN])('refuses momentum %d', (momentum) => {
    const said = { operation: 'batchNorm', parameter: 'momentum', expected: 'a number from 0 to 1' };
    expectShapeError(() => planBatchNormTraining(shape, { ...options, momentum }), { ...said, got: String(momentum) });
  });

  it.each([0, -1e-5, Number.NaN, Infinity])('refuses epsilon %d', (epsilon) => {
    const said = { parameter: 'epsilon', expected: 'a positive number', got: String(epsilon) };
    expectShapeError(() => planBatchNormTraining(shape, { ...options, epsilon }), { operation: 'batchNorm', ...said });
    expectShapeError(() => planBatchNormFold(3, epsilon), { operation: 'batchNormFold', ...said });
  });
});

describe('loss and metrics', () => {
  it.each([-0.1, 1.01, Number.NaN])('refuse label smoothing %d', (labelSmoothing) => {
    expectShapeError(() => planCrossEntropy({ batch: 2, classes: 3 }, { labelSmoothing }), {
      operation: 'crossEntropy',
      parameter: 'labelSmoothing',
      expected: 'a number from 0 to 1',
      got: String(labelSmoothing),
    });
  });

  it.each([
    ['crossEntropy', 'batch', () => planCrossEntropy({ batch: 0, classes: 3 })],
    ['crossEntropy', 'classes', () => planCrossEntropy({ batch: 2, classes: 0 })],
    ['labelRank', 'batch', () => planLabelRank({ batch: 0, classes: 3 })],
    ['labelRank', 'classes', () => planLabelRank({ batch: 2, classes: 0 })],
    ['stepMetrics', 'batch', () => planStepMetrics(0, 4)],
    ['stepMetrics', 'ring', () => planStepMetrics(2, 0)],
    ['evaluationMetrics', 'batch', () => planEvaluationMetrics(0, 5)],
    ['evaluationMetrics', 'top', () => planEvaluationMetrics(2, 0)],
  ] as const)('%s refuses %s 0', (operation, parameter, plan) => {
    expectShapeError(plan, { operation, parameter, expected: positive, got: '0' });
  });
});

describe('optimisers', () => {
  const settings = { groups: 1, epsilon: 1e-8 };

  it.each([
    ['sgd', (count: number) => planSgd(count, settings)],
    ['adamW', (count: number) => planAdamW(count, settings)],
    ['gradientClip', (count: number) => planGradientClip(count, 1)],
  ] as const)('%s refuses counts that are no whole blocks', (operation, plan) => {
    for (const count of [0, 63, 65, -64, 6.4, Number.NaN]) {
      const said = { operation, parameter: 'count', expected: 'a positive multiple of 64' };
      expectShapeError(() => plan(count), { ...said, got: String(count) });
    }
  });

  it('refuse settings without a group, and a bound or epsilon that is not positive', () => {
    const none = { parameter: 'groups', expected: positive, got: '0' };
    expectShapeError(() => planSgd(64, { groups: 0 }), { operation: 'sgd', ...none });
    expectShapeError(() => planAdamW(64, { ...settings, groups: 0 }), { operation: 'adamW', ...none });
    for (const value of [0, -1, Number.NaN, Infinity]) {
      const said = { expected: 'a positive number', got: String(value) };
      const epsilon = { operation: 'adamW', parameter: 'epsilon', ...said };
      expectShapeError(() => planAdamW(64, { groups: 1, epsilon: value }), epsilon);
      expectShapeError(() => planGradientClip(64, value), { operation: 'gradientClip', parameter: 'most', ...said });
    }
  });
});

describe('other operations', () => {
  it.each([
    ['relu', planRelu],
    ['reluGradient', planReluGradient],
    ['add', planAdd],
    ['addGradient', planAddGradient],
  ] as const)('%s refuses a count that is no positive integer', (operation, plan) => {
    for (const count of [0, 1.5, -3]) {
      expectShapeError(() => plan(count), { operation, parameter: 'count', expected: positive, got: String(count) });
    }
  });

  it('channel sums refuse sizes and groups that do not fit', () => {
    const operation = 'channelSums';
    const said = { operation, expected: positive, got: '0' };
    expectShapeError(() => planChannelSums(0, 4), { ...said, parameter: 'pixels' });
    expectShapeError(() => planChannelSums(4, 0), { ...said, parameter: 'channels' });
    expectShapeError(() => planChannelSums(4, 4, { groups: 0 }), { ...said, parameter: 'groups' });
    const expected = 'a multiple of 3 groups';
    expectShapeError(() => planChannelSums(4, 4, { groups: 3 }), {
      operation,
      parameter: 'channels',
      expected,
      got: '4',
    });
  });

  it('dense layers refuse a size that is no positive integer', () => {
    const wrong = { batch: 2, inFeatures: 0, outFeatures: 3 };
    const said = { parameter: 'inFeatures', expected: positive, got: '0' };
    expectShapeError(() => planDense(wrong, { bias: true }, traits), { operation: 'dense', ...said });
    expectShapeError(() => planDenseInputGradient(wrong, {}, traits), { operation: 'denseInputGradient', ...said });
    expectShapeError(() => planDenseWeightGradient(wrong, traits), { operation: 'denseWeightGradient', ...said });
  });
});
