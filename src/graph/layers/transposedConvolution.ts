import { UnsupportedError } from '../../errors.js';
import type { LayerPlan } from '../layerPlans.js';
import type { TransposedConvolutionLayer } from '../network.js';

/** Not planned yet. */
export const transposedConvolution: LayerPlan<TransposedConvolutionLayer> = {
  forward: (_step, layer) => refuse(layer),
  backward: (_step, layer) => refuse(layer),
};

function refuse({ kind, name }: TransposedConvolutionLayer): never {
  throw new UnsupportedError({ operation: kind, parameter: name, expected: 'a layer that can be run', got: kind });
}
