import gelu from '../../kernels/shared/gelu.wgsl?raw';
import hardSigmoid from '../../kernels/shared/hard_sigmoid.wgsl?raw';
import hardSwish from '../../kernels/shared/hard_swish.wgsl?raw';
import leakyRelu from '../../kernels/shared/leaky_relu.wgsl?raw';
import sigmoid from '../../kernels/shared/sigmoid.wgsl?raw';
import silu from '../../kernels/shared/silu.wgsl?raw';
import tanh from '../../kernels/shared/tanh.wgsl?raw';
import type { Activation } from './activation.js';
import { type ActivationFunction, slopeOf } from './activationFunctions.js';
import type { OperationPlan } from './plan.js';
import { activated, activatedGradient, type GradientOptions } from './pointwise.js';
import type { PrecisionOptions } from './precision.js';

export type { ActivationFunction };

/** What else makes a function. */
export interface SlopeOptions {
  /**
   * Of `leakyRelu` the factor of negative values, 0.01 where left out; of `hardSigmoid` that of x in
   * `min(1, max(0, slope x + 1/2))`, 1/6 where left out. None of the others.
   */
  readonly slope?: number;
}

const texts: Readonly<Record<ActivationFunction, string>> = {
  sigmoid,
  hardSigmoid,
  silu,
  hardSwish,
  leakyRelu,
  tanh,
  gelu,
};

/**
 * A function for the option `activation` of convolutions, batch norms and sums.
 *
 * @throws ShapeError for a function that is none, or a slope that is no finite number or of a function that has none.
 */
export function activationOf(name: ActivationFunction, { slope }: SlopeOptions = {}): Activation {
  const used = slopeOf(name, slope, { operation: 'activation', prefix: '' });
  return { text: texts[name], constants: used === undefined ? {} : { SLOPE: { f32: used } } };
}

/**
 * A function of every element. NaN is kept, infinities give their limits. Operands: input, output [count]; status in float16.
 *
 * @throws ShapeError as {@link activationOf}, and for a count that is no positive integer.
 */
export function planActivation(
  count: number,
  name: ActivationFunction,
  options: SlopeOptions & PrecisionOptions = {},
): OperationPlan {
  return activated('activation', count, activationOf(name, options), options);
}

/**
 * Gradient of a function of every element. Operands: gradient, input (the function's) and inputGradient [count], which is
 * overwritten, or added to with `accumulate`; status in float16.
 *
 * @throws ShapeError as {@link activationOf}, and for a count that is no positive integer.
 */
export function planActivationGradient(
  count: number,
  name: ActivationFunction,
  options: SlopeOptions & GradientOptions = {},
): OperationPlan {
  return activatedGradient('activationGradient', count, activationOf(name, options), 'input', options);
}
