/** Networks as data: ResNets and IC-ResNets, plain networks made into IC networks, initial values, counting. Browser-safe. */
export { initialParameters } from './models/initialise.js';
export {
  type CifarOptions,
  type CifarResNetOptions,
  cifarResNet,
  type ImageNetDepth,
  type ImageNetResNetOptions,
  imageNetResNet,
  networkByName,
  type ResNetOptions,
} from './models/resnet.js';
export { type LayerSummary, type NetworkSummary, summarise } from './models/summary.js';
export { type ICAdjust, type ToICOptions, toIC } from './models/toIC.js';
