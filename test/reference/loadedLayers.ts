import type { LoadedLayer } from '../../src/graph/network.js';
import type { Activation, LayerPass, Parameters } from './network.js';

/** A layer of those that are loaded, in float64. */
export function loadedLayerForward(layer: LoadedLayer, _inputs: readonly Activation[], _values: Parameters): LayerPass {
  throw new Error(`${layer.name}: no reference for ${layer.kind}`);
}
