import type { ActivationOptions } from './activation.js';
import { planConvolution } from './convolution/forward.js';
import type { ConvolutionShape, UnitOptions } from './convolution/shape.js';
import { checkShape } from './fields.js';
import type { OperationPlan } from './plan.js';
import type { Precision, PrecisionOptions } from './precision.js';
import type { DeviceTraits } from './traits.js';

/** A fully connected layer: the 1x1 convolution of a row of `batch` pixels. */
export interface DenseShape {
  /** Rows of input and output. */
  readonly batch: number;
  /** Columns of the input. */
  readonly inFeatures: number;
  /** Columns of the output. */
  readonly outFeatures: number;
}

/** What a fully connected layer does besides multiplying. */
export interface DenseOptions extends UnitOptions, ActivationOptions, PrecisionOptions {
  /** Adds the operand `bias`. */
  readonly bias: boolean;
  /** Of an IC unit: also stores the sum of each row [N], which the backward pass reads. */
  readonly storeSums?: boolean;
  /** As what the output lies in memory; `precision` where left out. */
  readonly outputPrecision?: Precision;
}

/**
 * output = input x weight + bias, and the activation of that where there is one. Operands: input [N, in], filter [in, out],
 * output [N, out], bias [out] with `bias`; status in float16. With `adjust` a fully connected IC unit: z + relu(z - adjust S + offset)
 * of that, S the sum of an input's row; adjust, also
 * with `offset`, and windowSums [N] are as of `planConvolution`.
 *
 * @throws ShapeError for a shape that does not fit, or `storeSums` or `offset` without an IC unit.
 */
export function planDense(shape: DenseShape, options: DenseOptions, traits: DeviceTraits): OperationPlan {
  const operation = (options.adjust ?? 'none') === 'none' ? 'dense' : 'icDense';
  return { ...planConvolution(denseAsConvolution(operation, shape), options, traits), operation };
}

/** The same as a convolution. */
export function denseAsConvolution(operation: string, shape: DenseShape): ConvolutionShape {
  const { batch, inFeatures, outFeatures } = shape;
  checkShape(operation, shape, { batch, inFeatures, outFeatures });
  return { batch: 1, inHeight: 1, inWidth: batch, inChannels: inFeatures, outChannels: outFeatures, kernel: [1, 1] };
}
