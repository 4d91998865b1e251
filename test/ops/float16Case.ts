import type { Adjust } from '../../src/graph/network.js';
import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import type { PoolShape } from '../../src/ops/pool.js';
import { HALF_SUBNORMAL, roundedToHalf } from '../support/float16.js';
import { HALF_EPSILON, summationBound } from '../support/tolerance.js';
import { type ConvolutionCase, randomCase } from './convolutionCase.js';

/** Windows of pools over 7x5 pixels. */
export const pools = [
  { channels: 3, kernel: [3, 2], stride: [2, 1], padding: [1, 1], ceilMode: false },
  { channels: 1, kernel: [7, 5], stride: [1, 1], padding: [0, 0], ceilMode: false },
  { channels: 65, kernel: [2, 2], stride: [2, 2], padding: [0, 0], ceilMode: false },
  { channels: 5, kernel: [3, 2], stride: [3, 2], padding: [1, 0, 0, 0], ceilMode: true },
] as const satisfies readonly Partial<PoolShape>[];

/** A case whose input, filters and gradient are float16 values. */
export function halfCase(shape: CompleteConvolution, adjust: Adjust, seed: number, offset = false): ConvolutionCase {
  const one = randomCase(shape, adjust, true, seed, offset);
  return {
    ...one,
    input: roundedToHalf(one.input),
    filter: roundedToHalf(one.filter),
    gradient: roundedToHalf(one.gradient),
  };
}

/**
 * The error of z by how the form adds: in float32, or in float16 the products of a step, each rounded, whose sums float32 adds up.
 * Winograd's transforms round once more each, and bring in the values of the whole tile, up to four times as large.
 */
export function sumError(plan: OperationPlan, terms: number, magnitude: Float64Array): Float64Array {
  const multiply = plan.steps.find(({ kernel }) => kernel.shared?.some((text) => text.includes('const HALF = true')));
  const depth = multiply ? Number(multiply.constants.BLOCK_DEPTH) + 1 : 0;
  const winograd = plan.steps.some(({ kernel }) => kernel.name === 'winograd_input');
  const roundings = depth + (winograd ? 4 : 0);
  const bound = summationBound(terms, magnitude).map((value, i) => {
    return value + HALF_EPSILON * roundings * magnitude[i]! + (roundings > 0 ? terms * HALF_SUBNORMAL : 0);
  });
  // A tile's outputs are sums of the products of its whole window.
  return winograd ? bound.fill(4 * bound.reduce((largest, value) => Math.max(largest, value), 0)) : bound;
}
