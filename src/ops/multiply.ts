import gateGradientText from '../../kernels/gate_gradient.wgsl?raw';
import multiplyText from '../../kernels/multiply.wgsl?raw';
import { checkShape } from './fields.js';
import { type OperationPlan, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { widestVector } from './vectors.js';

/** What a product is taken of. */
export interface MultiplyShape {
  /** Images. */
  readonly batch: number;
  /** Height times width of an image. */
  readonly pixels: number;
  /** Of each pixel. */
  readonly channels: number;
}

/**
 * Product of two tensors, or with `gate` of each channel of an image and a factor of its own. Of a product's gradient it makes
 * that of either factor: times the other one.
 *
 * Operands: left [batch, pixels, channels], right as left, with `gate` [batch, channels], output as left, overwritten, or added
 * to with `accumulate`; status in float16.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planMultiply(
  shape: MultiplyShape,
  options: { readonly gate?: boolean; readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'multiply';
  const { batch, pixels, channels } = shape;
  checkShape(operation, shape, { batch, pixels, channels });
  const { gate = false, accumulate = false, precision = 'float32' } = options;
  const count = batch * pixels * channels;
  // Without gates all is one row.
  const rows = gate
    ? { BATCH: batch, IMAGE_PIXELS: pixels, CHANNELS: channels }
    : { BATCH: 1, IMAGE_PIXELS: 1, CHANNELS: count };
  const vector = widestVector(rows.CHANNELS);
  const checked = checkedStep(precision === 'float16');
  return {
    operation,
    operands: {
      left: storedOperand(precision, 'input', count),
      right: storedOperand(precision, 'input', gate ? batch * channels : count),
      output: storedOperand(precision, accumulate ? 'inout' : 'output', count),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: {
          name: 'multiply',
          text: multiplyText,
          shared: [...storedTexts(vector, precision), ...checked.shared],
        },
        constants: { ...rows, GATED: gate, ACCUMULATE: accumulate, ...checked.constants },
        workgroups: threadGroups(count / vector),
        operands: { left: 'left', right: 'right', output: 'output', ...checked.operands },
      },
    ],
  };
}

/** Vectors of channels that lie next to each other in what a workgroup reads: 128 bytes. */
const mostLanes = 8;
/** WebGPU's limit. */
const mostThreads = 256;

/**
 * Gradient of gates: the sum over an image's pixels, channel by channel.
 *
 * Operands: gradient of the product, input, which is what the gates multiply, both [batch, pixels, channels]; gateGradient
 * [batch, channels], overwritten, or added to with `accumulate`; status in float16.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planGateGradient(
  shape: MultiplyShape,
  options: { readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'gateGradient';
  const { batch, pixels, channels } = shape;
  checkShape(operation, shape, { batch, pixels, channels });
  const { accumulate = false, precision = 'float32' } = options;
  const vector = widestVector(channels);
  const lanes = Math.min(channels / vector, mostLanes);
  const blocks = Math.ceil(channels / vector / lanes);
  const checked = checkedStep(precision === 'float16');
  return {
    operation,
    operands: {
      gradient: storedOperand(precision, 'input', batch, pixels, channels),
      input: storedOperand(precision, 'input', batch, pixels, channels),
      gateGradient: storedOperand(precision, accumulate ? 'inout' : 'output', batch, channels),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: {
          name: 'gate_gradient',
          text: gateGradientText,
          shared: [...storedTexts(vector, precision), ...checked.shared],
        },
        constants: {
          IMAGE_PIXELS: pixels,
          CHANNELS: channels,
          LANES: lanes,
          CHANNEL_BLOCKS: blocks,
          THREADS: lanes * Math.min(Math.floor(mostThreads / lanes), pixels),
          ACCUMULATE: accumulate,
          ...checked.constants,
        },
        workgroups: batch * blocks,
        operands: { gradient: 'gradient', input: 'input', gate_gradient: 'gateGradient', ...checked.operands },
      },
    ],
  };
}
