/**
 * The operations of layers whose kernels are loaded when a network has one, forward and backward, but for transposed convolutions:
 * these are with training, which has the kernels of convolutions. Browser-safe.
 */
export type {} from './device/webgpu.js';
export {
  type ActivationFunction,
  activationOf,
  planActivation,
  planActivationGradient,
  type SlopeOptions,
} from './ops/activations.js';
export { planAffine, planAffineFold, planAffineGradient } from './ops/affine.js';
export type { BatchNormShape } from './ops/batchNorm.js';
export { type ConcatShape, planConcat, planConcatGradient } from './ops/concat.js';
export {
  planLocalResponseNorm,
  planLocalResponseNormGradient,
  type ResponseNormOptions,
} from './ops/localResponseNorm.js';
export { type MultiplyShape, planGateGradient, planMultiply } from './ops/multiply.js';
export type { GradientOptions } from './ops/pointwise.js';
export { type PreluShape, planPrelu, planPreluGradient, planPreluSlopeGradient } from './ops/prelu.js';
export { planSlice, planSliceGradient, type SliceShape } from './ops/slice.js';
export { planTranspose, type TransposeShape } from './ops/transpose.js';
export { planUpsample, planUpsampleGradient, type UpsampleOptions, type UpsampleShape } from './ops/upsample.js';
