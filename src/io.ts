/** Files and data sets, browser-safe. */
export { type Batcher, type BatchOptions, createBatcher, fillSequential, stepsPerEpoch } from './io/batches.js';
export { type CifarKind, type NamedBytes, readCifar } from './io/cifar.js';
export { channelStatistics, fromIdx, type ImageDataset, type Normalisation, subset } from './io/dataset.js';
export { type IdxArray, readIdx } from './io/idx.js';
export {
  float32Tensor,
  readSafetensors,
  type Safetensors,
  type SafetensorsTensor,
  type SafetensorsType,
  toFloat32,
  writeSafetensors,
} from './io/safetensors.js';
