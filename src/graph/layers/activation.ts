import { UnsupportedError } from '../../errors.js';
import type { LayerPlan } from '../layerPlans.js';
import type { ActivationLayer } from '../network.js';

/** Not planned yet. */
export const activation: LayerPlan<ActivationLayer> = {
  forward: (_step, layer) => refuse(layer),
  backward: (_step, layer) => refuse(layer),
};

function refuse({ kind, name }: ActivationLayer): never {
  throw new UnsupportedError({ operation: kind, parameter: name, expected: 'a layer that can be run', got: kind });
}
