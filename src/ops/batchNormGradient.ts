import applyText from '../../kernels/batch_norm_gradient_apply.wgsl?raw';
import finishText from '../../kernels/batch_norm_gradient_finish.wgsl?raw';
import sumsText from '../../kernels/batch_norm_gradient_sums.wgsl?raw';
import { ShapeError } from '../errors.js';
import { endOf } from './activation.js';
import { type BatchNormShape, type BehindNorm, checkBatchNorm } from './batchNorm.js';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { channelSlices } from './slices.js';
import { widestVector } from './vectors.js';

export interface BatchNormGradientOptions extends BehindNorm, PrecisionOptions {
  /** Adds the residual's gradient to what its operand holds instead of overwriting it. */
  readonly accumulateResidual?: boolean;
  /** There is no operand gradient: inputGradient holds it beforehand. */
  readonly inPlace?: boolean;
}

/**
 * Gradient of batch normalisation with the batch's own statistics, and of the residual and activation behind it.
 *
 * Operands: gradient [pixels, channels] of the output, input [pixels, channels], coefficients [4, channels] from the
 * forward pass, inputGradient [pixels, channels], weightGradient, biasGradient [channels] (all overwritten); with `relu`
 * activation [pixels, channels], the output; with `residual` residualGradient [pixels, channels]; scratch partials, steps. With
 * `precision` float16 all of [pixels, channels] are that, and there is status.
 *
 * @throws ShapeError for a size that is no positive integer, or `activation` with `residual`.
 */
export function planBatchNormGradient(shape: BatchNormShape, options: BatchNormGradientOptions): OperationPlan {
  const operation = 'batchNormGradient';
  checkBatchNorm(operation, shape);
  const { pixels, channels } = shape;
  const { residual = false, relu = false, activation: other, accumulateResidual = false, inPlace = false } = options;
  const { precision = 'float32' } = options;
  if (other && residual) {
    const expected = 'none with residual, without which what it was applied to is known';
    throw new ShapeError({ operation, parameter: 'activation', expected, got: 'both' });
  }
  const checked = checkedStep(precision === 'float16');
  const gradient = inPlace ? 'inputGradient' : 'gradient';
  const split = channelSlices(pixels, channels);
  const vector = widestVector(channels);
  const bytes = tensorBytes(channels);
  const full = storedOperand(precision, 'input', pixels, channels);
  const activation = relu ? { activation: 'activation' } : {};
  const constants = { PIXELS: pixels, CHANNELS: channels };
  const end = endOf(operation, options);
  const ended = { ...constants, ...end.constants, RECOMPUTED: other !== undefined };
  return {
    operation,
    operands: {
      ...(!inPlace && { gradient: full }),
      input: full,
      coefficients: { bytes: 4 * bytes, use: 'input' },
      inputGradient: { ...full, use: inPlace ? 'inout' : 'output' },
      weightGradient: { bytes, use: 'output' },
      biasGradient: { bytes, use: 'output' },
      partials: { bytes: 2 * split.slices * bytes, use: 'scratch' },
      steps: { bytes: 5 * bytes, use: 'scratch' },
      ...(relu && { activation: full }),
      ...(residual && {
        residualGradient: { ...full, use: accumulateResidual ? ('inout' as const) : ('output' as const) },
      }),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: {
          name: 'batch_norm_gradient_sums',
          text: sumsText,
          shared: [...storedTexts(split.vector, precision), split.text, end.text],
        },
        constants: { ...ended, ...split.constants },
        workgroups: split.workgroups,
        operands: {
          gradient,
          input: 'input',
          coefficients: 'coefficients',
          partials: 'partials',
          ...activation,
        },
      },
      {
        kernel: { name: 'batch_norm_gradient_finish', text: finishText },
        constants: { ...constants, SLICES: split.slices },
        workgroups: threadGroups(channels),
        operands: {
          partials: 'partials',
          coefficients: 'coefficients',
          weight_gradient: 'weightGradient',
          bias_gradient: 'biasGradient',
          steps: 'steps',
        },
      },
      {
        kernel: {
          name: 'batch_norm_gradient_apply',
          text: applyText,
          shared: [...storedTexts(vector, precision), end.text, ...checked.shared],
        },
        constants: {
          ...ended,
          RESIDUAL: residual,
          ACCUMULATE: accumulateResidual,
          IN_PLACE: inPlace,
          ...checked.constants,
        },
        workgroups: threadGroups((pixels * channels) / vector),
        operands: {
          ...(!inPlace && { gradient }),
          input: 'input',
          steps: 'steps',
          input_gradient: 'inputGradient',
          ...activation,
          ...(residual && { residual_gradient: 'residualGradient' }),
          ...checked.operands,
        },
      },
    ],
  };
}
