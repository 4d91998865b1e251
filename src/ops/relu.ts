import text from '../../kernels/shared/relu.wgsl?raw';
import { ShapeError } from '../errors.js';
import type { Constants } from '../wgsl/constants.js';

/** Whether an operation ends in a ReLU. */
export interface ReluOptions {
  /** Whether a ReLU ends the operation; default false. */
  readonly relu?: boolean;
  /** What the ReLU lets through at most, 6 for ReLU6; any value where left out. */
  readonly maximum?: number;
}

/** The shared text that defines `relu` and `relu_gradient` for `Vector`s. */
export const reluText: string = text;

/**
 * The constants of a ReLU.
 *
 * @throws ShapeError for a maximum that is no positive number, or one without a ReLU
 */
export function reluConstants(operation: string, { relu = false, maximum }: ReluOptions): Constants {
  if (maximum !== undefined && !(relu && maximum > 0 && Number.isFinite(maximum))) {
    const expected = relu ? 'a positive number' : 'none without relu';
    throw new ShapeError({ operation, parameter: 'maximum', expected, got: String(maximum) });
  }
  return { RELU: relu, RELU_MAXIMUM: { f32: maximum ?? 0 } };
}
