import type { ActivationLayer, LoadedLayer, PreluLayer } from '../../src/graph/network.js';
import { activationReference, preluBackwardReference, preluReference } from './activations.js';
import type { Activation, LayerPass, Parameters } from './network.js';

/** A layer of those that are loaded, in float64. */
export function loadedLayerForward(layer: LoadedLayer, inputs: readonly Activation[], values: Parameters): LayerPass {
  switch (layer.kind) {
    case 'activation':
      return activationForward(layer, inputs[0]!);
    case 'prelu':
      return preluForward(layer, inputs[0]!, values);
    default:
      throw new Error(`${layer.name}: no reference for ${layer.kind}`);
  }
}

function activationForward({ function: name, slope }: ActivationLayer, input: Activation): LayerPass {
  const reference = activationReference(name, slope);
  const { distance } = reference;
  return {
    output: { data: input.data.map(reference.value), shape: input.shape },
    ...(distance && { excess: input.data.map(distance) }),
    backward: (dy) => ({ inputs: [dy.map((value, i) => value * reference.slope(input.data[i]!))] }),
  };
}

function preluForward({ name }: PreluLayer, input: Activation, values: Parameters): LayerPass {
  const slopes = values.get(`${name}.weight`)!;
  return {
    output: { data: preluReference(input.data, slopes), shape: input.shape },
    excess: input.data,
    backward(dy, branches = input.data) {
      const passes = (i: number): boolean => branches[i]! > 0;
      const { dx, dSlopes } = preluBackwardReference(input.data, slopes, dy, passes);
      return { inputs: [dx], parameters: new Map([[`${name}.weight`, dSlopes]]) };
    },
  };
}
