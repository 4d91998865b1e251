/** Operations of layers that plain networks of convolutions are not made of, forward and backward. Browser-safe. */
export type {} from './device/webgpu.js';
export {
  type ActivationFunction,
  activationOf,
  planActivation,
  planActivationGradient,
  type SlopeOptions,
} from './ops/activations.js';
export type { GradientOptions } from './ops/pointwise.js';
export { type PreluShape, planPrelu, planPreluGradient, planPreluSlopeGradient } from './ops/prelu.js';
