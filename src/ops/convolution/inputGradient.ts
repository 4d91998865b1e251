import type { Family } from '../forms.js';
import { type Operand, type OperationPlan, tensorBytes } from '../plan.js';
import { type PrecisionOptions, statusOperand, storedOperand } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { type ConvolutionShape, checkConvolution, filterCount, inputCount, outputPixels } from './shape.js';
import { plainFlags, shapeKey } from './task.js';
import { planTurned } from './turned.js';

/** What an input gradient does besides multiplying. */
export interface InputGradientOptions extends PrecisionOptions {
  /**
   * Adds the gradient that reaches the input through an IC unit's window sum, already brought back to the input's pixels
   * ([N, H, W, groups]): as it is for `output`, times adjust[c] for `input`.
   */
  readonly windowSums?: 'output' | 'input';
  /** Adds to what the output holds instead of overwriting it. */
  readonly accumulate?: boolean;
  /** The kernel's family; the device's best form by default. */
  readonly family?: Family;
}

/**
 * Gradient of a convolution with respect to its input: the transposed convolution of the output's gradient.
 *
 * Operands: gradient [N, P, Q, K] of z, filter [R, S, C / groups, K], output [N, H, W, C] (overwritten, or added to with
 * `accumulate`), windowSums [N, H, W, groups] and adjust [C] as the options say, scratch turnedFilter. With `precision` float16
 * gradient, filter and output are that, and there is status.
 *
 * @throws ShapeError for a shape that does not fit, UnsupportedError for a family that the device cannot run.
 */
export function planConvolutionInputGradient(
  shape: ConvolutionShape,
  options: InputGradientOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'conv2dInputGradient';
  const { precision = 'float32' } = options;
  const geometry = checkConvolution(operation, shape, { precision, outputPrecision: precision });
  const flags = {
    ...plainFlags,
    CHECKED: precision === 'float16',
    ADD_SUMS: options.windowSums !== undefined,
    SUMS_FACTOR: options.windowSums === 'input',
    ACCUMULATE: options.accumulate ?? false,
  };
  const operands: Record<string, Operand> = {
    gradient: storedOperand(precision, 'input', outputPixels(geometry) * geometry.outChannels),
    filter: storedOperand(precision, 'input', filterCount(geometry)),
    output: storedOperand(precision, flags.ACCUMULATE ? 'inout' : 'output', inputCount(geometry)),
    ...statusOperand(precision),
  };
  const bindings: Record<string, string> = {};
  if (flags.ADD_SUMS) {
    operands.windowSums = {
      bytes: tensorBytes(geometry.batch, geometry.inHeight, geometry.inWidth, geometry.groups),
      use: 'input',
    };
    bindings.window_sums = 'windowSums';
  }
  if (flags.SUMS_FACTOR) {
    operands.adjust = { bytes: tensorBytes(geometry.inChannels), use: 'input' };
    bindings.adjust = 'adjust';
  }
  const key = shapeKey(operation, geometry);
  const turned = { operation, key, geometry, flags, operands, input: 'gradient', bindings, constantFilter: false };
  return planTurned(turned, traits, options.family);
}
