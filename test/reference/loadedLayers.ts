import type {
  ActivationLayer,
  AffineLayer,
  ConcatLayer,
  FlattenLayer,
  LoadedLayer,
  MultiplyLayer,
  PreluLayer,
  TransposedConvolutionLayer,
  UpsampleLayer,
} from '../../src/graph/network.js';
import { hwioToOihw, oihwToHwio } from '../support/layout.js';
import { activationReference, preluBackwardReference, preluReference } from './activations.js';
import { affineBackwardReference, affineReference } from './affine.js';
import { shuffleBackwardReference, shuffleReference, sliceBackwardReference, sliceReference } from './channels.js';
import { multiplyBackwardReference, multiplyReference } from './multiply.js';
import type { Activation, LayerPass, Parameters } from './network.js';
import { responseNormBackwardReference, responseNormReference } from './responseNorm.js';
import { transposedConvolutionBackwardReference, transposedConvolutionReference } from './transposedConvolution.js';
import { upsampleBackwardReference, upsampleReference } from './upsample.js';
import type { ImageShape } from './window.js';

/** A layer of those that are loaded, in float64. */
export function loadedLayerForward(
  layer: Exclude<LoadedLayer, ConcatLayer | FlattenLayer>,
  inputs: readonly Activation[],
  values: Parameters,
): LayerPass {
  const input = inputs[0]!;
  const [batch, height, width, channels] = input.shape;
  switch (layer.kind) {
    case 'activation':
      return activationForward(layer, input);
    case 'prelu':
      return preluForward(layer, input, values);
    case 'multiply':
      return multiplyForward(layer, inputs);
    case 'affine':
      return affineForward(layer, input, values);
    case 'slice': {
      const { start, channels: count } = layer;
      return {
        output: { data: sliceReference(input.data, channels, start, count), shape: [batch, height, width, count] },
        backward: (dy) => ({ inputs: [sliceBackwardReference(dy, channels, start, count)] }),
      };
    }
    case 'shuffle':
      return {
        output: { data: shuffleReference(input.data, channels, layer.groups), shape: input.shape },
        backward: (dy) => ({ inputs: [shuffleBackwardReference(dy, channels, layer.groups)] }),
      };
    case 'upsample':
      return upsampleForward(layer, input);
    case 'transposedConvolution':
      return transposedConvolutionForward(layer, input, values);
    case 'localResponseNorm': {
      const norm = { ...layer, channels };
      return {
        output: { data: responseNormReference(input.data, norm), shape: input.shape },
        backward: (dy) => ({ inputs: [responseNormBackwardReference(input.data, dy, norm).dx] }),
      };
    }
  }
}

function multiplyForward({ inputs: names }: MultiplyLayer, inputs: readonly Activation[]): LayerPass {
  const [left, right] = inputs as [Activation, Activation];
  const [, height, width, channels] = left.shape;
  const gate = names[0] !== names[1] && right.data.length !== left.data.length;
  const operands = { x: left.data, factors: right.data, gate, pixels: height * width, channels };
  return {
    output: { data: multiplyReference(operands), shape: left.shape },
    backward(dy) {
      const { dx, dFactors } = multiplyBackwardReference(operands, dy);
      return { inputs: [dx, dFactors] };
    },
  };
}

function affineForward({ name }: AffineLayer, input: Activation, values: Parameters): LayerPass {
  const weight = values.get(`${name}.weight`)!;
  return {
    output: { data: affineReference(input.data, weight, values.get(`${name}.bias`)!), shape: input.shape },
    backward(dy) {
      const { dx, dWeight, dBias } = affineBackwardReference(input.data, weight, dy);
      const gradients = [[`${name}.weight`, dWeight] as const, [`${name}.bias`, dBias] as const];
      return { inputs: [dx], parameters: new Map(gradients) };
    },
  };
}

function upsampleForward({ factor, mode, alignCorners = false }: UpsampleLayer, input: Activation): LayerPass {
  const operands = { shape: input.shape, factor, mode, alignCorners };
  const [batch, height, width, channels] = input.shape;
  const shape: ImageShape = [batch, height * factor[0], width * factor[1], channels];
  return {
    output: { data: upsampleReference(input.data, operands), shape },
    backward: (dy) => ({ inputs: [upsampleBackwardReference(dy, operands)] }),
  };
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
