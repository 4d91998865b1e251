/** Files, weights and data sets, browser-safe. */
export type {} from './device/webgpu.js';
export { type Batcher, type BatchOptions, createBatcher, fillSequential, stepsPerEpoch } from './io/batches.js';
export { type ByteSource, type FileLike, type OpenOptions, openBytes } from './io/byteSource.js';
export { type CifarKind, type NamedBytes, readCifar } from './io/cifar.js';
export { channelStatistics, fromIdx, type ImageDataset, type Normalisation, subset } from './io/dataset.js';
export type { FloatType } from './io/floats.js';
export { type IdxArray, type IdxOptions, readIdx } from './io/idx.js';
export { type ImageNetClass, imageNetClasses } from './io/imageNetClasses.js';
export {
  imageNetNormalisation,
  imageNetTransform,
  type Picture,
  type PictureTransform,
  pictureInput,
  transformPicture,
} from './io/picture.js';
export type { ResampleFilter } from './io/resample.js';
export {
  float32Tensor,
  readSafetensors,
  type Safetensors,
  type SafetensorsTensor,
  type SafetensorsType,
  toFloat32,
  writeSafetensors,
} from './io/safetensors.js';
export type { SafetensorsEntry } from './io/safetensorsHeader.js';
export { identifyNetworks } from './weights/identify.js';
export { type LoadProgress, type LoadReport, type LoadWeightsOptions, loadWeights } from './weights/load.js';
export type { Names, WeightsMapping, WeightsMatch } from './weights/match.js';
export { readWeights } from './weights/read.js';
export { encodeWeights, type SaveWeightsOptions } from './weights/save.js';
export { openWeights, type WeightsFile } from './weights/weightsFile.js';
