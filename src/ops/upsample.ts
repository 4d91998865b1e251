import betweenText from '../../kernels/shared/between.wgsl?raw';
import text from '../../kernels/upsample.wgsl?raw';
import gradientText from '../../kernels/upsample_gradient.wgsl?raw';
import { ShapeError } from '../errors.js';
import type { Constants } from '../wgsl/constants.js';
import { checkShape } from './fields.js';
import { type OperationPlan, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { type VectorWidth, widestVector } from './vectors.js';
import { type Pair, requireInteger } from './windows.js';

/** Images to be made larger, NHWC. */
export interface UpsampleShape {
  /** Images. */
  readonly batch: number;
  /** Of the input, in pixels. */
  readonly inHeight: number;
  /** Of the input, in pixels. */
  readonly inWidth: number;
  /** Of input and output. */
  readonly channels: number;
  /** How many times as high and as wide: integers from 1. */
  readonly factor: Pair;
}

/** What lies between an image's pixels. */
export interface UpsampleOptions extends PrecisionOptions {
  /** The nearest pixel, or a mean of the four around weighted by their distance. */
  readonly mode: 'nearest' | 'bilinear';
  /** Of `bilinear`: whether pixels are points of which the outermost stay where they are; areas by default. */
  readonly alignCorners?: boolean;
}

/**
 * A larger image, as PyTorch's interpolate and ONNX's Resize make it. Operands: input [N, H, W, C], output [N, factor H, factor W,
 * C], overwritten.
 *
 * @throws ShapeError for a size that does not fit, or corners to be aligned with `nearest`.
 */
export function planUpsample(shape: UpsampleShape, options: UpsampleOptions): OperationPlan {
  const operation = 'upsample';
  const { vector, constants, inputs, outputs } = checkUpsample(operation, shape, options);
  const { precision = 'float32' } = options;
  return {
    operation,
    operands: {
      input: storedOperand(precision, 'input', inputs),
      output: storedOperand(precision, 'output', outputs),
    },
    steps: [
      {
        kernel: { name: 'upsample', text, shared: [...storedTexts(vector, precision), betweenText] },
        constants,
        workgroups: threadGroups(outputs / vector),
        operands: { input: 'input', output: 'output' },
      },
    ],
  };
}

/**
 * Gradient of {@link planUpsample}. Operands: gradient [N, factor H, factor W, C], inputGradient [N, H, W, C], overwritten, or
 * added to with `accumulate`; status in float16.
 *
 * @throws ShapeError as {@link planUpsample}.
 */
export function planUpsampleGradient(
  shape: UpsampleShape,
  options: UpsampleOptions & { readonly accumulate?: boolean },
): OperationPlan {
  const operation = 'upsampleGradient';
  const { vector, constants, inputs, outputs } = checkUpsample(operation, shape, options);
  const { accumulate = false, precision = 'float32' } = options;
  const checked = checkedStep(precision === 'float16');
  return {
    operation,
    operands: {
      gradient: storedOperand(precision, 'input', outputs),
      inputGradient: storedOperand(precision, accumulate ? 'inout' : 'output', inputs),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: {
          name: 'upsample_gradient',
          text: gradientText,
          shared: [...storedTexts(vector, precision), betweenText, ...checked.shared],
        },
        constants: { ...constants, ACCUMULATE: accumulate, ...checked.constants },
        workgroups: threadGroups(inputs / vector),
        operands: { gradient: 'gradient', input_gradient: 'inputGradient', ...checked.operands },
      },
    ],
  };
}

interface CheckedUpsample {
  readonly vector: VectorWidth;
  readonly constants: Constants;
  readonly inputs: number;
  readonly outputs: number;
}

function checkUpsample(operation: string, shape: UpsampleShape, options: UpsampleOptions): CheckedUpsample {
  const { batch, inHeight, inWidth, channels, factor } = shape;
  const { mode, alignCorners = false } = options;
  checkShape(operation, shape, { batch, inHeight, inWidth, channels }, { factor });
  for (const along of factor) requireInteger(along, 1, 'factor', { operation, prefix: '' });
  if (mode !== 'nearest' && mode !== 'bilinear') {
    throw new ShapeError({ operation, parameter: 'mode', expected: 'nearest or bilinear', got: String(mode) });
  }
  if (alignCorners && mode === 'nearest') {
    throw new ShapeError({ operation, parameter: 'alignCorners', expected: 'none with nearest', got: 'true' });
  }
  // Places between aligned corners are counted in products of both sizes.
  const longest = Math.max(inHeight ** 2 * factor[0], inWidth ** 2 * factor[1]);
  if (alignCorners && longest >= 2 ** 32) {
    const expected = 'sizes of input and output whose product is less than 2^32 along each axis, to align corners';
    throw new ShapeError({ operation, parameter: 'factor', expected, got: `${inHeight} x ${inWidth} by ${factor}` });
  }
  const inputs = batch * inHeight * inWidth * channels;
  return {
    vector: widestVector(channels),
    constants: {
      BATCH: batch,
      IN_HEIGHT: inHeight,
      IN_WIDTH: inWidth,
      FACTOR_HEIGHT: factor[0],
      FACTOR_WIDTH: factor[1],
      CHANNELS: channels,
      BILINEAR: mode === 'bilinear',
      ALIGN_CORNERS: alignCorners,
    },
    inputs,
    outputs: inputs * factor[0] * factor[1],
  };
}
