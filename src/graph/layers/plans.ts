import type { LayerPlans } from '../layerPlans.js';
import { activation } from './activation.js';
import { affine } from './affine.js';
import { concat } from './concat.js';
import { flatten } from './flatten.js';
import { localResponseNorm } from './localResponseNorm.js';
import { multiply } from './multiply.js';
import { prelu } from './prelu.js';
import { shuffle } from './shuffle.js';
import { slice } from './slice.js';
import { transposedConvolution } from './transposedConvolution.js';
import { upsample } from './upsample.js';

/** How layers are planned that are loaded when a network has one. */
export const layerPlans: LayerPlans = {
  activation,
  prelu,
  multiply,
  affine,
  concat,
  flatten,
  slice,
  shuffle,
  upsample,
  transposedConvolution,
  localResponseNorm,
};
