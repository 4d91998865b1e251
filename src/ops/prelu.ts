import text from '../../kernels/prelu.wgsl?raw';
import gradientText from '../../kernels/prelu_gradient.wgsl?raw';
import slopeGradientText from '../../kernels/prelu_slope_gradient.wgsl?raw';
import { checkShape } from './fields.js';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import type { GradientOptions } from './pointwise.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { channelSlices, sumSlicesStep } from './slices.js';
import { widestVector } from './vectors.js';

/** What a PReLU works on. */
export interface PreluShape {
  /** Batch times height times width. */
  readonly pixels: number;
  /** One slope each. */
  readonly channels: number;
}

/**
 * PReLU: values below 0 times their channel's slope; NaN kept.
 *
 * Operands: input, output [pixels, channels], slope [channels], always float32; status in float16.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planPrelu(shape: PreluShape, { precision = 'float32' }: PrecisionOptions = {}): OperationPlan {
  const operation = 'prelu';
  const { pixels, channels } = shape;
  checkShape(operation, shape, { pixels, channels });
  const vector = widestVector(channels);
  const noting = checkedStep(precision === 'float16');
  return {
    operation,
    operands: {
      input: storedOperand(precision, 'input', pixels, channels),
      slope: { bytes: tensorBytes(channels), use: 'input' },
      output: storedOperand(precision, 'output', pixels, channels),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: { name: 'prelu', text, shared: [...storedTexts(vector, precision), ...noting.shared] },
        constants: { PIXELS: pixels, CHANNELS: channels, ...noting.constants },
        workgroups: threadGroups((pixels * channels) / vector),
        operands: { input: 'input', slope: 'slope', output: 'output', ...noting.operands },
      },
    ],
  };
}

/**
 * Gradient of PReLU with respect to its input.
 *
 * Operands: gradient, input and inputGradient [pixels, channels], overwritten, or added to with `accumulate`; slope
 * [channels], always float32; status in float16.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planPreluGradient(shape: PreluShape, options: GradientOptions = {}): OperationPlan {
  const operation = 'preluGradient';
  const { accumulate = false, precision = 'float32' } = options;
  const { pixels, channels } = shape;
  checkShape(operation, shape, { pixels, channels });
  const vector = widestVector(channels);
  const noting = checkedStep(precision === 'float16');
  const shared = [...storedTexts(vector, precision), ...noting.shared];
  return {
    operation,
    operands: {
      gradient: storedOperand(precision, 'input', pixels, channels),
      input: storedOperand(precision, 'input', pixels, channels),
      slope: { bytes: tensorBytes(channels), use: 'input' },
      inputGradient: storedOperand(precision, accumulate ? 'inout' : 'output', pixels, channels),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: { name: 'prelu_gradient', text: gradientText, shared },
        constants: { PIXELS: pixels, CHANNELS: channels, ACCUMULATE: accumulate, ...noting.constants },
        workgroups: threadGroups((pixels * channels) / vector),
        operands: {
          gradient: 'gradient',
          input: 'input',
          slope: 'slope',
          input_gradient: 'inputGradient',
          ...noting.operands,
        },
      },
    ],
  };
}

/**
 * Gradient of PReLU with respect to its slopes: for each channel the sum of gradient times input where that is below 0.
 *
 * Operands: gradient, input [pixels, channels] in `precision`, output [channels], float32, overwritten; scratch slices.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planPreluSlopeGradient(
  shape: PreluShape,
  { precision = 'float32' }: PrecisionOptions = {},
): OperationPlan {
  const operation = 'preluSlopeGradient';
  const { pixels, channels } = shape;
  checkShape(operation, shape, { pixels, channels });
  const split = channelSlices(pixels, channels);
  const bytes = tensorBytes(channels);
  return {
    operation,
    operands: {
      gradient: storedOperand(precision, 'input', pixels, channels),
      input: storedOperand(precision, 'input', pixels, channels),
      output: { bytes, use: 'output' },
      slices: { bytes: split.slices * bytes, use: 'scratch' },
    },
    steps: [
      {
        kernel: {
          name: 'prelu_slope_gradient',
          text: slopeGradientText,
          shared: [...storedTexts(split.vector, precision), split.text],
        },
        constants: { PIXELS: pixels, CHANNELS: channels, ...split.constants },
        workgroups: split.workgroups,
        operands: { gradient: 'gradient', input: 'input', partials: 'slices' },
      },
      sumSlicesStep(split.slices, channels, 'output'),
    ],
  };
}
