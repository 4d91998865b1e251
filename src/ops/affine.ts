import foldText from '../../kernels/affine_fold.wgsl?raw';
import gradientText from '../../kernels/affine_gradient.wgsl?raw';
import { type BatchNormShape, planBatchNormInference } from './batchNorm.js';
import { checkShape } from './fields.js';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { channelSlices, sumSlicesStep } from './slices.js';

/**
 * Each channel times a weight of its own plus a bias. Where these stay as they are, {@link planAffineFold} makes them the
 * `scaleShift` that a convolution ahead takes in.
 *
 * Operands: input [pixels, channels], weight, bias [channels], output [pixels, channels], scratch scaleShift; with `precision`
 * float16 input and output are that, and there is status.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planAffine(shape: BatchNormShape, { precision = 'float32' }: PrecisionOptions = {}): OperationPlan {
  const operation = 'affine';
  const { pixels, channels } = shape;
  checkShape(operation, shape, { pixels, channels });
  const applied = planBatchNormInference(shape, { precision });
  const { weight, bias, scaleShift } = foldOperands(channels, false);
  return {
    operation,
    operands: { ...applied.operands, weight, bias, scaleShift: { ...scaleShift, use: 'scratch' } },
    steps: [foldStep(channels, false), ...applied.steps],
  };
}

/**
 * The scale and shift that weights and biases of channels are, or with `behind` that they are behind others.
 *
 * Operands: weight, bias [channels], before [2, channels] (scales, then shifts) with `behind`, scaleShift [2, channels],
 * overwritten.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planAffineFold(
  channels: number,
  { behind = false }: { readonly behind?: boolean } = {},
): OperationPlan {
  const operation = 'affineFold';
  checkShape(operation, { channels }, { channels });
  return { operation, operands: foldOperands(channels, behind), steps: [foldStep(channels, behind)] };
}

/**
 * Gradient of {@link planAffine}.
 *
 * Operands: gradient of the output, input [pixels, channels], weightGradient, biasGradient [channels], overwritten, and unless
 * `parametersOnly` weight [channels] and inputGradient [pixels, channels], overwritten, or added to with `accumulate`; scratch
 * products, partials. With `precision` float16 all of [pixels, channels] are that, and with inputGradient there is status.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planAffineGradient(
  shape: BatchNormShape,
  options: { readonly parametersOnly?: boolean; readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'affineGradient';
  const { pixels, channels } = shape;
  checkShape(operation, shape, { pixels, channels });
  const { parametersOnly = false, accumulate = false, precision = 'float32' } = options;
  const split = channelSlices(pixels, channels);
  const bytes = tensorBytes(channels);
  const full = storedOperand(precision, 'input', pixels, channels);
  const checked = checkedStep(precision === 'float16' && !parametersOnly);
  return {
    operation,
    operands: {
      gradient: full,
      input: full,
      ...(!parametersOnly && {
        weight: { bytes, use: 'input' as const },
        inputGradient: { ...full, use: accumulate ? ('inout' as const) : ('output' as const) },
        ...statusOperand(precision),
      }),
      weightGradient: { bytes, use: 'output' },
      biasGradient: { bytes, use: 'output' },
      slices: { bytes: 2 * split.slices * bytes, use: 'scratch' },
    },
    steps: [
      {
        kernel: {
          name: 'affine_gradient',
          text: gradientText,
          shared: [...storedTexts(split.vector, precision), split.text, ...checked.shared],
        },
        constants: {
          PIXELS: pixels,
          CHANNELS: channels,
          SLICES: split.slices,
          GRADIENT: !parametersOnly,
          ACCUMULATE: accumulate,
          ...split.constants,
          ...checked.constants,
        },
        workgroups: split.workgroups,
        operands: {
          gradient: 'gradient',
          input: 'input',
          slices: 'slices',
          ...(!parametersOnly && { weight: 'weight', input_gradient: 'inputGradient' }),
          ...checked.operands,
        },
      },
      sumSlicesStep(split.slices, channels, 'weightGradient'),
      sumSlicesStep(split.slices, channels, 'biasGradient', split.slices * channels),
    ],
  };
}

function foldOperands(channels: number, behind: boolean) {
  const bytes = tensorBytes(channels);
  return {
    weight: { bytes, use: 'input' },
    bias: { bytes, use: 'input' },
    ...(behind && { before: { bytes: 2 * bytes, use: 'input' } }),
    scaleShift: { bytes: 2 * bytes, use: 'output' },
  } as const satisfies Record<string, Operand>;
}

function foldStep(channels: number, behind: boolean): KernelStep {
  return {
    kernel: { name: 'affine_fold', text: foldText, variables: ['CHANNELS'] },
    constants: { CHANNELS: channels, BEHIND: behind },
    workgroups: threadGroups(channels),
    operands: { weight: 'weight', bias: 'bias', scale_shift: 'scaleShift', ...(behind && { before: 'before' }) },
  };
}
