/**
 * The operations of networks of convolutions, forward: planned for a shape, compiled on the caller's device, bound to their
 * buffers. Those of layers that are loaded when a network has one are `layers.ts`; gradients, losses, optimisers, sums,
 * inspection and transposed convolutions are with training.
 */
export type { MatrixConfiguration } from './device/matrixUnits.js';
export type { Activation, ActivationOptions, ReluOptions } from './ops/activation.js';
export { type BatchNormShape, type BehindNorm, planBatchNormFold, planBatchNormInference } from './ops/batchNorm.js';
export { type ConvolutionOptions, planConvolution } from './ops/convolution/forward.js';
export {
  type ConvolutionGeometry,
  type ConvolutionPrecision,
  type ConvolutionShape,
  checkConvolution,
  type UnitOptions,
} from './ops/convolution/shape.js';
export type { BlockTile, TileMultiplier, TileOrder, TileWork } from './ops/convolution/tileMultiplier.js';
export { type DenseOptions, type DenseShape, planDense } from './ops/dense.js';
export type { ChooseForm, Family, Form, FormRequest, OfferedForm, RankedForm } from './ops/forms.js';
export {
  type ChannelNormalisation,
  type ImageRegion,
  type ImageToTensorOptions,
  type ImageToTensorShape,
  planImageToTensor,
  planTensorToImage,
  type TensorToImageShape,
} from './ops/image.js';
export type { DispatchWork, Machine } from './ops/machine.js';
export type { MatrixTile, MatrixUnits } from './ops/matrixUnits.js';
export { createOperation, type Operation } from './ops/operation.js';
export {
  type BoundPlan,
  type BufferRange,
  type BufferResource,
  bindPlan,
  type CompiledPlan,
  compilePlan,
  type KernelStep,
  type Operand,
  type OperationPlan,
  type PlanResource,
  type PlanResources,
  type TextureOperand,
} from './ops/plan.js';
export { planAdd, planRelu } from './ops/pointwise.js';
export {
  type MeanPoolOptions,
  type PoolShape,
  planMaxPool,
  planMeanPool,
} from './ops/pool.js';
export type { Precision, PrecisionOptions } from './ops/precision.js';
export { planSoftmax } from './ops/softmax.js';
export { type DeviceTraits, deviceTraits } from './ops/traits.js';
export type { BindingKind, KernelBinding } from './wgsl/bindings.js';
export type { Constant, Constants } from './wgsl/constants.js';
export type { KernelSource } from './wgsl/kernelSource.js';
export type { KernelPipeline } from './wgsl/pipeline.js';
