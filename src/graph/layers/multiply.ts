import { UnsupportedError } from '../../errors.js';
import type { LayerPlan } from '../layerPlans.js';
import type { MultiplyLayer } from '../network.js';

/** Not planned yet. */
export const multiply: LayerPlan<MultiplyLayer> = {
  forward: (_step, layer) => refuse(layer),
  backward: (_step, layer) => refuse(layer),
};

function refuse({ kind, name }: MultiplyLayer): never {
  throw new UnsupportedError({ operation: kind, parameter: name, expected: 'a layer that can be run', got: kind });
}
