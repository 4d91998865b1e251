/** The core of the package: kernels, networks and inference on any GPUDevice, in Node and the browser. */
export { type AdapterDescription, describeAdapter } from './device/adapter.js';
export { type BufferUsage, bufferUsage, readBuffer } from './device/buffers.js';
export { requestDevice } from './device/device.js';
export { type ImageSource, imageTexture } from './device/images.js';
export {
  DeviceLostError,
  type ErrorDetails,
  FormatError,
  ICError,
  LimitError,
  NumericError,
  ShapeError,
  UnsupportedError,
} from './errors.js';
export { type AdjustDistribution, adjustDistributions } from './graph/adjustDistribution.js';
export type { CompileOptions, CompileProgress } from './graph/compile.js';
export {
  type ActivationBytes,
  activationBytes,
  type Footprint,
  inferenceFootprint,
  trainingFootprint,
} from './graph/footprint.js';
export { compileInference, type InferenceNetwork, type InferenceOptions } from './graph/inference.js';
export type { InferencePlanOptions } from './graph/inferencePlan.js';
export { compileInspection, type Inspection, type InspectionResult, type LayerActivity } from './graph/inspection.js';
export * from './graph/network.js';
export { networkParameters, type ParameterRole, type ParameterSpec } from './graph/parameters.js';
export { inferShapes, type Shape } from './graph/shapes.js';
export { createState, type NetworkState, readState, writeState } from './graph/state.js';
export type { TrainingPlanOptions } from './graph/trainingPlan.js';
export * from './operations.js';
export { type IndexedDBTuningStoreOptions, indexedDBTuningStore } from './tune/indexedDBStore.js';
export type { MeasuredForm, TuningResult } from './tune/measure.js';
export { type TunedForm, type TuningRecord, type TuningScope, tuningScope } from './tune/record.js';
export {
  exportTuning,
  importTuning,
  memoryTuningStore,
  type TuningStore,
  type TuningStoreOptions,
} from './tune/store.js';
export { rememberedChoice, type TuneOptions, type TuneProgress, tune } from './tune/tune.js';
