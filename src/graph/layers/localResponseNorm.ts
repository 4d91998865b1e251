import { UnsupportedError } from '../../errors.js';
import type { LayerPlan } from '../layerPlans.js';
import type { LocalResponseNormLayer } from '../network.js';

/** Not planned yet. */
export const localResponseNorm: LayerPlan<LocalResponseNormLayer> = {
  forward: (_step, layer) => refuse(layer),
  backward: (_step, layer) => refuse(layer),
};

function refuse({ kind, name }: LocalResponseNormLayer): never {
  throw new UnsupportedError({ operation: kind, parameter: name, expected: 'a layer that can be run', got: kind });
}
