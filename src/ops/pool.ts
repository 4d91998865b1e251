import maxText from '../../kernels/max_pool.wgsl?raw';
import maxGradientText from '../../kernels/max_pool_gradient.wgsl?raw';
import meanText from '../../kernels/mean_pool.wgsl?raw';
import meanGradientText from '../../kernels/mean_pool_gradient.wgsl?raw';
import { ShapeError } from '../errors.js';
import type { Constants } from '../wgsl/constants.js';
import type { ConvolutionGeometry } from './convolution/shape.js';
import { checkShape } from './fields.js';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import {
  checkedStep,
  elementText,
  type Precision,
  type PrecisionOptions,
  statusOperand,
  storedOperand,
  storedTexts,
} from './precision.js';
import { type Pair, windowOutputs } from './windows.js';

/** What mean pooling divides by. */
export interface MeanPoolOptions {
  /** Whether padding counts as zeros, the default, or not at all. */
  readonly countPadding?: boolean;
}

/** Pooling over windows of NHWC activations. */
export interface PoolShape {
  /** Images. */
  readonly batch: number;
  /** Of the input, in pixels. */
  readonly inHeight: number;
  /** Of the input, in pixels. */
  readonly inWidth: number;
  /** Of input and output. */
  readonly channels: number;
  /** Height and width of the windows. */
  readonly kernel: Pair;
  /** Along height and width, from 1; [1, 1] where left out. */
  readonly stride?: Pair;
  /** Pixels ahead of and behind each axis: height, width; at most half the window; [0, 0] where left out. */
  readonly padding?: Pair;
}

/** Max pooling. Operands: input [N, H, W, C], output [N, P, Q, C]; winners [N, P, Q, C] (u32) with `storeWinners`. */
export function planMaxPool(
  shape: PoolShape,
  options: { readonly storeWinners?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const { constants, inputs, outputBytes, outputs } = checkPool('maxPool', shape);
  const { storeWinners = false, precision = 'float32' } = options;
  return {
    operation: 'maxPool',
    operands: {
      input: storedOperand(precision, 'input', inputs),
      output: storedOperand(precision, 'output', outputs),
      ...(storeWinners && { winners: { bytes: outputBytes, use: 'output' as const } }),
    },
    steps: [
      {
        kernel: { name: 'max_pool', text: maxText, shared: [elementText(precision)] },
        constants: { ...constants, STORE_WINNERS: storeWinners },
        workgroups: threadGroups(outputs),
        operands: { input: 'input', output: 'output', ...(storeWinners && { winners: 'winners' }) },
      },
    ],
  };
}

/**
 * Gradient of max pooling. Operands: gradient [N, P, Q, C], winners [N, P, Q, C] (u32) of the forward pass,
 * inputGradient [N, H, W, C], overwritten, or added to with `accumulate`; status in float16.
 */
export function planMaxPoolGradient(
  shape: PoolShape,
  options: { readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'maxPoolGradient';
  const pool = checkPool(operation, shape);
  const { operands, step } = poolGradient(pool, options);
  const kernel = { name: 'max_pool_gradient', text: maxGradientText, shared: step.shared };
  return {
    operation,
    operands: { ...operands, winners: { bytes: pool.outputBytes, use: 'input' } },
    steps: [{ ...step, kernel, operands: { ...step.operands, winners: 'winners' } }],
  };
}

/** What the gradients of all pools have in common. */
function poolGradient(
  { constants, inputs, outputs }: CheckedPool,
  { accumulate = false, precision = 'float32' }: { readonly accumulate?: boolean } & PrecisionOptions,
) {
  const checked = checkedStep(precision === 'float16');
  const operands: Record<string, Operand> = {
    gradient: storedOperand(precision, 'input', outputs),
    inputGradient: storedOperand(precision, accumulate ? 'inout' : 'output', inputs),
    ...statusOperand(precision),
  };
  const step = {
    shared: [...storedTexts(1, precision), ...checked.shared],
    constants: { ...constants, ACCUMULATE: accumulate, ...checked.constants },
    workgroups: threadGroups(inputs),
    operands: { gradient: 'gradient', input_gradient: 'inputGradient', ...checked.operands },
  };
  return { operands, step };
}

/** Mean pooling. Operands: input [N, H, W, C], output [N, P, Q, C]. */
export function planMeanPool(
  shape: PoolShape,
  { countPadding = true, precision = 'float32' }: MeanPoolOptions & PrecisionOptions = {},
): OperationPlan {
  const { constants, inputs, outputs } = checkPool('meanPool', shape);
  const step = meanStep(constants, outputs, { COUNT_PADDING: countPadding, SUM: false }, 'input', 'output', precision);
  // Windows may be as large as an image. One of variable size is a loop, which compiles much faster than its turns written out.
  return {
    operation: 'meanPool',
    operands: {
      input: storedOperand(precision, 'input', inputs),
      output: storedOperand(precision, 'output', outputs),
    },
    steps: [{ ...step, kernel: { ...step.kernel, variables: Object.keys(constants) } }],
  };
}

/** The sums over a convolution's windows of a tensor [N, H, W, groups]. Operands: the given ones. */
export function windowSumStep(geometry: ConvolutionGeometry, input: string, output: string): KernelStep {
  const constants = windowConstants({ ...geometry, channels: geometry.groups });
  return meanStep(constants, geometry.windowSumBytes / 4, { COUNT_PADDING: false, SUM: true }, input, output);
}

function meanStep(
  constants: Constants,
  outputs: number,
  flags: Constants,
  input: string,
  output: string,
  precision: Precision = 'float32',
): KernelStep {
  return {
    kernel: { name: 'mean_pool', text: meanText, shared: [elementText(precision)] },
    constants: { ...constants, ...flags },
    workgroups: threadGroups(outputs),
    operands: { input, output },
  };
}

/**
 * Gradient of mean pooling. Operands: gradient [N, P, Q, C], inputGradient [N, H, W, C], overwritten, or added to with
 * `accumulate`; status in float16.
 */
export function planMeanPoolGradient(
  shape: PoolShape,
  { countPadding = true, ...options }: MeanPoolOptions & { readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'meanPoolGradient';
  const { operands, step } = poolGradient(checkPool(operation, shape), options);
  const kernel = { name: 'mean_pool_gradient', text: meanGradientText, shared: step.shared };
  const constants = { ...step.constants, COUNT_PADDING: countPadding };
  return { operation, operands, steps: [{ ...step, kernel, constants }] };
}

interface CheckedPool {
  readonly constants: Constants;
  readonly inputs: number;
  readonly outputs: number;
  readonly outputBytes: number;
}

function windowConstants(
  shape: Required<PoolShape> & { readonly outHeight: number; readonly outWidth: number },
): Constants {
  return {
    BATCH: shape.batch,
    IN_HEIGHT: shape.inHeight,
    IN_WIDTH: shape.inWidth,
    OUT_HEIGHT: shape.outHeight,
    OUT_WIDTH: shape.outWidth,
    CHANNELS: shape.channels,
    WINDOW_HEIGHT: shape.kernel[0],
    WINDOW_WIDTH: shape.kernel[1],
    STRIDE_HEIGHT: shape.stride[0],
    STRIDE_WIDTH: shape.stride[1],
    PADDING_HEIGHT: { i32: shape.padding[0] },
    PADDING_WIDTH: { i32: shape.padding[1] },
  };
}

function checkPool(operation: string, shape: PoolShape): CheckedPool {
  const { batch, inHeight, inWidth, channels, kernel, stride = [1, 1], padding = [0, 0] } = shape;
  const counts = { batch, inHeight, inWidth, channels };
  const windows = { kernel, stride, padding };
  checkShape(operation, shape, counts, windows);
  const [outHeight, outWidth] = windowOutputs([inHeight, inWidth], windows, { operation, prefix: '' });
  if (padding[0] * 2 > kernel[0] || padding[1] * 2 > kernel[1]) {
    const expected = `at most half the window of ${kernel.join(' x ')}`;
    throw new ShapeError({ operation, parameter: 'padding', expected, got: padding.join(' x ') });
  }
  return {
    constants: windowConstants({ ...counts, ...windows, outHeight, outWidth }),
    inputs: batch * inHeight * inWidth * channels,
    outputs: batch * outHeight * outWidth * channels,
    outputBytes: tensorBytes(batch, outHeight, outWidth, channels),
  };
}
