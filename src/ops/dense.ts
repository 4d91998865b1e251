import { planConvolution } from './convolution/forward.js';
import type { ConvolutionShape } from './convolution/shape.js';
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
export interface DenseOptions extends PrecisionOptions {
  /** Adds the operand `bias`. */
  readonly bias: boolean;
  /** As what the output lies in memory; `precision` where left out. */
  readonly outputPrecision?: Precision;
}

/**
 * output = input x weight + bias. Operands: input [N, in], filter [in, out], output [N, out], bias [out] with `bias`; status in
 * float16.
 */
export function planDense(
  shape: DenseShape,
  { bias, precision, outputPrecision }: DenseOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'dense';
  const stored = { ...(precision && { precision }), ...(outputPrecision && { outputPrecision }) };
  return { ...planConvolution(denseAsConvolution(operation, shape), { bias, ...stored }, traits), operation };
}

/** The same as a convolution. */
export function denseAsConvolution(operation: string, shape: DenseShape): ConvolutionShape {
  const { batch, inFeatures, outFeatures } = shape;
  checkShape(operation, shape, { batch, inFeatures, outFeatures });
  return { batch: 1, inHeight: 1, inWidth: batch, inChannels: inFeatures, outChannels: outFeatures, kernel: [1, 1] };
}
