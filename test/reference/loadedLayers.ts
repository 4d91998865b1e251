import type { LoadedLayer, TransposedConvolutionLayer } from '../../src/graph/network.js';
import { hwioToOihw, oihwToHwio } from '../support/layout.js';
import type { Activation, LayerPass, Parameters } from './network.js';
import { transposedConvolutionBackwardReference, transposedConvolutionReference } from './transposedConvolution.js';

/** A layer of those that are loaded, in float64. */
export function loadedLayerForward(layer: LoadedLayer, inputs: readonly Activation[], values: Parameters): LayerPass {
  switch (layer.kind) {
    case 'transposedConvolution':
      return transposedConvolutionForward(layer, inputs[0]!, values);
    default:
      throw new Error(`${layer.name}: no reference for ${layer.kind}`);
  }
}

function transposedConvolutionForward(
  layer: TransposedConvolutionLayer,
  input: Activation,
  values: Parameters,
): LayerPass {
  const { name, kernel, stride, padding, outputPadding, dilation, groups, outChannels } = layer;
  const groupOut = outChannels / groups;
  const filterShape = [...kernel, groupOut, input.shape[3]] as const;
  const operands = {
    ...{ stride, padding, outputPadding, dilation, groups, filterShape },
    x: input.data,
    shape: input.shape,
    filter: oihwToHwio(values.get(`${name}.weight`)!, [input.shape[3], groupOut, ...kernel]),
    bias: layer.bias ? values.get(`${name}.bias`)! : undefined,
  };
  const { y, outShape } = transposedConvolutionReference(operands);
  return {
    output: { data: y, shape: outShape },
    backward(dy) {
      const { dx, dFilter, dBias } = transposedConvolutionBackwardReference({ ...operands, dy });
      const gradients = new Map([[`${name}.weight`, hwioToOihw(dFilter, filterShape)]]);
      if (layer.bias) gradients.set(`${name}.bias`, dBias);
      return { inputs: [dx], parameters: gradients };
    },
  };
}
