/** Networks as data: the families, plain and IC, plain networks made into IC networks, initial values, counting. Browser-safe. */
export type {} from './device/webgpu.js';
export { type DenseNetDepth, type DenseNetOptions, denseNet } from './models/denseNet.js';
export { type EfficientNetOptions, efficientNetB0 } from './models/efficientNet.js';
export { type GoogleNetOptions, googleNet } from './models/googleNet.js';
export type { NetworkOptions } from './models/icForm.js';
export { inheritedParameters, initialParameters } from './models/initialise.js';
export { type MnasNetOptions, mnasNet } from './models/mnasNet.js';
export { type MobileNetV2Options, mobileNetV2 } from './models/mobileNet.js';
export { type MobileNetV3Options, type MobileNetV3Size, mobileNetV3 } from './models/mobileNetV3.js';
export { networkByName } from './models/networkByName.js';
export { type RegNetOptions, type RegNetVariant, regNet } from './models/regNet.js';
export {
  type CifarOptions,
  type CifarResNetOptions,
  cifarResNet,
  type ImageNetDepth,
  type ImageNetResNetOptions,
  imageNetResNet,
} from './models/resnet.js';
export { type ShuffleNetV2Options, type ShuffleNetV2Width, shuffleNetV2 } from './models/shuffleNetV2.js';
export { type SqueezeNetOptions, type SqueezeNetVersion, squeezeNet } from './models/squeezeNet.js';
export { type LayerSummary, type NetworkSummary, summarise } from './models/summary.js';
export { type ICAdjust, type ToICOptions, toIC } from './models/toIC.js';
export { type VggDepth, type VggOptions, vgg } from './models/vgg.js';
