/** The operations of layers whose kernels are loaded when a network has one, forward and backward. Browser-safe. */
export type {} from './device/webgpu.js';
export { planAffine, planAffineFold, planAffineGradient } from './ops/affine.js';
export type { BatchNormShape } from './ops/batchNorm.js';
export {
  planLocalResponseNorm,
  planLocalResponseNormGradient,
  type ResponseNormOptions,
} from './ops/localResponseNorm.js';
export { type MultiplyShape, planGateGradient, planMultiply } from './ops/multiply.js';
export { planSlice, planSliceGradient, type SliceShape } from './ops/slice.js';
export { planUpsample, planUpsampleGradient, type UpsampleOptions, type UpsampleShape } from './ops/upsample.js';
