import { UnsupportedError } from '../../errors.js';
import type { LayerPlan } from '../layerPlans.js';
import type { AffineLayer } from '../network.js';

/** Not planned yet. */
export const affine: LayerPlan<AffineLayer> = {
  forward: (_step, layer) => refuse(layer),
  backward: (_step, layer) => refuse(layer),
};

function refuse({ kind, name }: AffineLayer): never {
  throw new UnsupportedError({ operation: kind, parameter: name, expected: 'a layer that can be run', got: kind });
}
