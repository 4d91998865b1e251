import maxText from '../../kernels/max_pool.wgsl?raw';
import maxGradientText from '../../kernels/max_pool_gradient.wgsl?raw';
import meanText from '../../kernels/mean_pool.wgsl?raw';
import meanGradientText from '../../kernels/mean_pool_gradient.wgsl?raw';
import countedText from '../../kernels/shared/counted.wgsl?raw';
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
import { type Padding, type Pair, poolOutputs, sidesOf } from './windows.js';

/** What mean pooling divides by. What lies beyond the padding never counts. */
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
  /**
   * Pixels around the images: height, width, or top, left, bottom, right; no window may hold nothing but padding. [0, 0] where
   * left out.
   */
  readonly padding?: Padding;
  /**
   * Whether pixels behind the last whole window have one that reaches beyond the padded image, as long as it starts in the image
   * or in the padding ahead of it, as in PyTorch; default false.
   */
  readonly ceilMode?: boolean;
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
  const { inputs, outputs, windows } = checkPool('meanPool', shape);
  const constants = meanConstants(windows, countPadding);
  const step = meanStep(constants, outputs, false, 'input', 'output', precision);
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
  const constants = meanConstants({ ...geometry, channels: geometry.groups }, true);
  return meanStep(constants, geometry.windowSumBytes / 4, true, input, output);
}

function meanStep(
  constants: Constants,
  outputs: number,
  sum: boolean,
  input: string,
  output: string,
  precision: Precision = 'float32',
): KernelStep {
  return {
    kernel: { name: 'mean_pool', text: meanText, shared: [elementText(precision), countedText] },
    constants: { ...constants, SUM: sum },
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
  const pool = checkPool(operation, shape);
  const { operands, step } = poolGradient(pool, options);
  const kernel = { name: 'mean_pool_gradient', text: meanGradientText, shared: [...step.shared, countedText] };
  const constants = { ...step.constants, ...meanConstants(pool.windows, countPadding) };
  return { operation, operands, steps: [{ ...step, kernel, constants }] };
}

interface PoolWindows extends Required<Omit<PoolShape, 'ceilMode'>> {
  readonly outHeight: number;
  readonly outWidth: number;
}

interface CheckedPool {
  readonly windows: PoolWindows;
  readonly constants: Constants;
  readonly inputs: number;
  readonly outputs: number;
  readonly outputBytes: number;
}

function windowConstants(shape: PoolWindows): Constants {
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

/** Of the padded image a mean counts what is in the image, or all. */
function meanConstants(windows: PoolWindows, countPadding: boolean): Constants {
  const [top, left, bottom, right] = sidesOf(windows.padding);
  return {
    ...windowConstants(windows),
    COUNT_TOP: countPadding ? 0 : top,
    COUNT_LEFT: countPadding ? 0 : left,
    COUNT_BOTTOM: top + windows.inHeight + (countPadding ? bottom : 0),
    COUNT_RIGHT: left + windows.inWidth + (countPadding ? right : 0),
  };
}

function checkPool(operation: string, shape: PoolShape): CheckedPool {
  const { batch, inHeight, inWidth, channels, kernel, stride = [1, 1], padding = [0, 0], ceilMode = false } = shape;
  const counts = { batch, inHeight, inWidth, channels };
  const given = { kernel, stride, padding };
  checkShape(operation, shape, counts, given, { ceilMode });
  const place = { operation, prefix: '' };
  const [outHeight, outWidth] = poolOutputs([inHeight, inWidth], { ...given, ceilMode }, place);
  const windows = { ...counts, ...given, outHeight, outWidth };
  return {
    windows,
    constants: windowConstants(windows),
    inputs: batch * inHeight * inWidth * channels,
    outputs: batch * outHeight * outWidth * channels,
    outputBytes: tensorBytes(batch, outHeight, outWidth, channels),
  };
}
