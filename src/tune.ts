/** Tuning: which form of each operation is fastest on an adapter, measured and remembered. Browser-safe. */
export type {} from './device/webgpu.js';
export { planMatrixMultiplyAdds } from './ops/matrixProbe.js';
export { planCopy, planMultiplyAdds } from './ops/probes.js';
export {
  type BackgroundTuner,
  type BackgroundTuningOptions,
  backgroundTuner,
  type FormSwap,
  type FormUser,
  type KeptForm,
  type TunerSeat,
} from './tune/background.js';
export { type CalibrateOptions, calibrate } from './tune/calibrate.js';
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
