import { planConvolutionFilterGradient } from './convolution/filterGradient.js';
import { type InputGradientOptions, planConvolutionInputGradient } from './convolution/inputGradient.js';
import { type DenseShape, denseAsConvolution } from './dense.js';
import type { OperationPlan } from './plan.js';
import type { PrecisionOptions } from './precision.js';
import type { DeviceTraits } from './traits.js';

/**
 * Operands: gradient [N, out], filter [in, out], output [N, in] (or added to with `accumulate`), scratch turnedFilter; of an IC unit,
 * with `windowSums`, also the windowSums [N] that `planIcUnitGradient` leaves as inputSums.
 */
export function planDenseInputGradient(
  shape: DenseShape,
  options: Omit<InputGradientOptions, 'family'>,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'denseInputGradient';
  return { ...planConvolutionInputGradient(denseAsConvolution(operation, shape), options, traits), operation };
}

/** Operands: input [N, in], gradient [N, out], output [in, out], perhaps scratch slices. The bias's is a channel sum. */
export function planDenseWeightGradient(
  shape: DenseShape,
  traits: DeviceTraits,
  options: PrecisionOptions = {},
): OperationPlan {
  const operation = 'denseWeightGradient';
  return { ...planConvolutionFilterGradient(denseAsConvolution(operation, shape), options, traits), operation };
}
