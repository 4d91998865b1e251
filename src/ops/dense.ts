import { planConvolutionFilterGradient } from './convolution/filterGradient.js';
import { planConvolution } from './convolution/forward.js';
import { planConvolutionInputGradient } from './convolution/inputGradient.js';
import type { ConvolutionShape } from './convolution/shape.js';
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
  const stored = { ...(precision && { precision }), ...(outputPrecision && { outputPrecision }) };
  return { ...planConvolution(denseAsConvolution(shape), { bias, ...stored }, traits), operation: 'dense' };
}

/** Operands: gradient [N, out], filter [in, out], output [N, in] (or added to with `accumulate`), scratch turnedFilter. */
export function planDenseInputGradient(
  shape: DenseShape,
  options: { readonly accumulate?: boolean },
  traits: DeviceTraits,
): OperationPlan {
  const plan = planConvolutionInputGradient(denseAsConvolution(shape), options, traits);
  return { ...plan, operation: 'denseInputGradient' };
}

/** Operands: input [N, in], gradient [N, out], output [in, out], perhaps scratch slices. The bias's is a channel sum. */
export function planDenseWeightGradient(shape: DenseShape, traits: DeviceTraits): OperationPlan {
  const plan = planConvolutionFilterGradient(denseAsConvolution(shape), {}, traits);
  return { ...plan, operation: 'denseWeightGradient' };
}

function denseAsConvolution({ batch, inFeatures, outFeatures }: DenseShape): ConvolutionShape {
  return {
    batch: 1,
    inHeight: 1,
    inWidth: batch,
    inChannels: inFeatures,
    outChannels: outFeatures,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
  };
}
