/** The core of the package: kernels, networks and inference on any GPUDevice, in Node and the browser. */

export { type AdapterDescription, describeAdapter } from './device/adapter.js';
export { type BufferUsage, bufferUsage, readBuffer } from './device/buffers.js';
export type { RequestDeviceOptions } from './device/device.js';
export type { ExperimentalFeature } from './device/experimental.js';
export { type ImageSource, imageTexture } from './device/images.js';
export type {} from './device/webgpu.js';
export {
  BusyError,
  DeviceLostError,
  DisposedError,
  type ErrorDetails,
  FormatError,
  ICError,
  LimitError,
  NumericError,
  ShapeError,
  UnsupportedError,
} from './errors.js';
export type { CompileOptions, CompileProgress } from './graph/compile.js';
export { compileInference, type InferenceNetwork, type InferenceOptions, type LayerOutput } from './graph/inference.js';
export type { InferencePlanOptions } from './graph/inferencePlan.js';
export * from './graph/network.js';
export { networkParameters, type ParameterRole, type ParameterSpec } from './graph/parameters.js';
export { inferShapes, type Shape } from './graph/shapes.js';
export { createState, type NetworkState, readState, writeState } from './graph/state.js';
export type { PlacedParameter, StateLayout } from './graph/stateLayout.js';
export type { TrainingPlanOptions } from './graph/trainingPlan.js';
export * from './operations.js';
export { requestDevice } from './requestDevice.js';
export type { BackgroundTuner, FormUser, TunerSeat } from './tune/background.js';
export type { TuningStore } from './tune/store.js';
export type { TuneOptions, TuneProgress } from './tune/tune.js';
