import applyText from '../../kernels/batch_norm_apply.wgsl?raw';
import finishText from '../../kernels/batch_norm_finish.wgsl?raw';
import foldText from '../../kernels/batch_norm_fold.wgsl?raw';
import statisticsText from '../../kernels/batch_norm_statistics.wgsl?raw';
import { ShapeError } from '../errors.js';
import { type ActivationOptions, endOf } from './activation.js';
import { checkShape } from './fields.js';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import {
  elementText,
  fitsText,
  type PrecisionOptions,
  statusOperand,
  storedOperand,
  storedTexts,
} from './precision.js';
import { channelSlices } from './slices.js';
import { widestVector } from './vectors.js';
import { requireInteger } from './windows.js';

/** What batch normalisation works on: all pixels of the batch, channel by channel. */
export interface BatchNormShape {
  /** Batch times height times width. */
  readonly pixels: number;
  /** One mean and variance each. */
  readonly channels: number;
}

/** How a batch normalisation in training goes about it. */
export interface BatchNormOptions extends BehindNorm {
  /** Added to the variance. */
  readonly epsilon: number;
  /** How far the running statistics move towards the batch's. */
  readonly momentum: number;
  /**
   * Blocks of pixels whose mean and variance the convolution ahead has noted (`statistics` of `planConvolution`), so that
   * the input is not read for them; without it they are taken here.
   */
  readonly blocks?: number;
}

/** What happens behind the normalisation, in the same dispatch. */
export interface BehindNorm extends ActivationOptions {
  /** Adds a tensor of the output's shape. */
  readonly residual?: boolean;
}

export function checkBatchNorm(operation: string, shape: BatchNormShape, epsilon = 1e-5): void {
  const { pixels, channels } = shape;
  checkShape(operation, shape, { pixels, channels });
  if (!(epsilon > 0 && Number.isFinite(epsilon))) {
    throw new ShapeError({ operation, parameter: 'epsilon', expected: 'a positive number', got: String(epsilon) });
  }
}

/**
 * Batch normalisation with the batch's own statistics, which also move the running ones (Ioffe and Szegedy, 2015; running
 * variance unbiased, as PyTorch's).
 *
 * Operands: input [pixels, channels], weight, bias [channels], runningMean, runningVariance [channels] (updated),
 * coefficients [4, channels] (scale, shift, mean, 1 / deviation; overwritten, read by the gradient), output
 * [pixels, channels], residual [pixels, channels] with `residual`, statistics [blocks, 3, channels] with `blocks`, scratch
 * partials. With `precision` float16 input, output and residual are that, and there is status.
 *
 * @throws ShapeError for a size that is no positive integer, fewer than two pixels, or momentum outside [0, 1].
 */
export function planBatchNormTraining(
  shape: BatchNormShape,
  options: BatchNormOptions & PrecisionOptions,
): OperationPlan {
  const operation = 'batchNorm';
  checkBatchNorm(operation, shape, options.epsilon);
  const { pixels, channels } = shape;
  if (pixels < 2) {
    throw new ShapeError({
      operation,
      parameter: 'pixels',
      expected: 'at least 2 values a channel, or their variance says nothing',
      got: String(pixels),
    });
  }
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    const got = String(options.momentum);
    throw new ShapeError({ operation, parameter: 'momentum', expected: 'a number from 0 to 1', got });
  }
  const { blocks, precision = 'float32' } = options;
  const measuredPrecision = blocks === undefined ? precision : 'float32';
  const measured = blocks === undefined ? 'input' : 'statistics';
  if (blocks !== undefined) requireInteger(blocks, 1, 'blocks', { operation, prefix: '' });
  const split = channelSlices(blocks ?? pixels, channels);
  const bytes = tensorBytes(channels);
  return {
    operation,
    operands: {
      ...applyOperands(shape, options),
      weight: { bytes, use: 'input' },
      bias: { bytes, use: 'input' },
      runningMean: { bytes, use: 'inout' },
      runningVariance: { bytes, use: 'inout' },
      coefficients: { bytes: 4 * bytes, use: 'output' },
      ...(blocks !== undefined && { statistics: { bytes: tensorBytes(blocks, 3, channels), use: 'input' as const } }),
      partials: { bytes: 2 * split.slices * bytes, use: 'scratch' },
    },
    steps: [
      {
        kernel: {
          name: 'batch_norm_statistics',
          text: statisticsText,
          shared: [...storedTexts(split.vector, measuredPrecision), split.text],
        },
        constants: { CHANNELS: channels, PIXELS: blocks ?? pixels, MERGED: blocks !== undefined, ...split.constants },
        workgroups: split.workgroups,
        operands: { input: measured, partials: 'partials' },
      },
      {
        kernel: { name: 'batch_norm_finish', text: finishText, shared: [elementText(measuredPrecision)] },
        constants: {
          PIXELS: pixels,
          CHANNELS: channels,
          SLICES: split.slices,
          EPSILON: { f32: options.epsilon },
          MOMENTUM: { f32: options.momentum },
        },
        workgroups: threadGroups(channels),
        operands: {
          origin: measured,
          partials: 'partials',
          weight: 'weight',
          bias: 'bias',
          coefficients: 'coefficients',
          running_mean: 'runningMean',
          running_variance: 'runningVariance',
        },
      },
      applyStep(operation, shape, options, 'coefficients'),
    ],
  };
}

/**
 * Batch normalisation at inference, as a scale and shift a channel made by {@link planBatchNormFold}.
 *
 * Operands: input [pixels, channels], scaleShift [2, channels], float32, output [pixels, channels], residual with `residual`;
 * status in float16.
 */
export function planBatchNormInference(
  shape: BatchNormShape,
  options: BehindNorm & PrecisionOptions = {},
): OperationPlan {
  const operation = 'batchNormInference';
  checkBatchNorm(operation, shape);
  return {
    operation,
    operands: { ...applyOperands(shape, options), scaleShift: { bytes: tensorBytes(2, shape.channels), use: 'input' } },
    steps: [applyStep(operation, shape, options, 'scaleShift')],
  };
}

/**
 * The scale and shift that batch normalisation with running statistics is.
 *
 * Operands: weight, bias, runningMean, runningVariance [channels], scaleShift [2, channels] (overwritten).
 */
export function planBatchNormFold(channels: number, epsilon: number): OperationPlan {
  const operation = 'batchNormFold';
  checkBatchNorm(operation, { pixels: 1, channels }, epsilon);
  const input: Operand = { bytes: tensorBytes(channels), use: 'input' };
  return {
    operation,
    operands: {
      weight: input,
      bias: input,
      runningMean: input,
      runningVariance: input,
      scaleShift: { bytes: tensorBytes(2, channels), use: 'output' },
    },
    steps: [
      {
        kernel: { name: 'batch_norm_fold', text: foldText, variables: ['CHANNELS'] },
        constants: { CHANNELS: channels, EPSILON: { f32: epsilon } },
        workgroups: threadGroups(channels),
        operands: {
          weight: 'weight',
          bias: 'bias',
          running_mean: 'runningMean',
          running_variance: 'runningVariance',
          scale_shift: 'scaleShift',
        },
      },
    ],
  };
}

function applyOperands(
  { pixels, channels }: BatchNormShape,
  { residual, precision = 'float32' }: BehindNorm & PrecisionOptions,
): Record<string, Operand> {
  return {
    input: storedOperand(precision, 'input', pixels, channels),
    output: storedOperand(precision, 'output', pixels, channels),
    ...(residual && { residual: storedOperand(precision, 'input', pixels, channels) }),
    ...statusOperand(precision),
  };
}

function applyStep(
  operation: string,
  { pixels, channels }: BatchNormShape,
  behind: BehindNorm & PrecisionOptions,
  scaleShift: string,
): KernelStep {
  const vector = widestVector(channels);
  const { residual = false, precision = 'float32' } = behind;
  const checked = precision === 'float16';
  const end = endOf(operation, behind);
  const shared = [...storedTexts(vector, precision), end.text, fitsText];
  const flags = { RESIDUAL: residual, CHECKED: checked };
  return {
    kernel: { name: 'batch_norm_apply', text: applyText, shared },
    constants: { PIXELS: pixels, CHANNELS: channels, ...flags, ...end.constants },
    workgroups: threadGroups((pixels * channels) / vector),
    operands: {
      input: 'input',
      scale_shift: scaleShift,
      output: 'output',
      ...(residual && { residual: 'residual' }),
      ...(checked && { status: 'status' }),
    },
  };
}
