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

/** A function of every element, as WGSL; `activationOf` of `ic-networks/layers` makes one. */
export interface Activation {
  /** Defines `activate` and `activation_gradient` for `Vector`s. */
  readonly text: string;
  /** What is put ahead of it. */
  readonly constants: Constants;
}

/** None, as text and constants. */
export const noActivation: Activation = { text, constants: { ACTIVATED: false, RELU_MAXIMUM: { f32: 0 } } };

/** What an operation ends in: a ReLU, or another function of every element. */
export interface ActivationOptions extends ReluOptions {
  /** What ends the operation; not with `relu`. None where left out. */
  readonly activation?: Activation;
}

/**
 * What an operation ends in as text and constants of its kernels.
 *
 * @throws ShapeError for a maximum that is no positive number, or one without a ReLU, or another activation beside it
 */
export function endOf(operation: string, { relu = false, maximum, activation }: ActivationOptions): Activation {
  if (maximum !== undefined && !(relu && maximum > 0 && Number.isFinite(maximum))) {
    const expected = relu ? 'a positive number' : 'none without relu';
    throw new ShapeError({ operation, parameter: 'maximum', expected, got: String(maximum) });
  }
  if (activation && relu) {
    throw new ShapeError({ operation, parameter: 'activation', expected: 'none beside relu', got: 'both' });
  }
  if (activation) return { ...activation, constants: { ACTIVATED: true, ...activation.constants } };
  return { ...noActivation, constants: { ACTIVATED: relu, RELU_MAXIMUM: { f32: maximum ?? 0 } } };
}
