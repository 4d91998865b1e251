import type { ActivationFunction, ConvolutionLayer, Layer, Network, PoolLayer } from '../../src/graph/network.js';

/** A 3x3 convolution of 8 filters that keeps the image's size, with what the test changes of it. */
export function convolution(changes: Partial<ConvolutionLayer> = {}): ConvolutionLayer {
  return {
    kind: 'convolution',
    name: 'conv',
    inputs: ['input'],
    outChannels: 8,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 1,
    bias: false,
    adjust: 'none',
    ...changes,
  };
}

/** A 2x2 max pool that halves the image, with what the test changes of it. */
export function pool(changes: Partial<PoolLayer> = {}): PoolLayer {
  return {
    kind: 'maxPool',
    name: 'pool',
    inputs: ['input'],
    kernel: [2, 2],
    stride: [2, 2],
    padding: [0, 0],
    ...changes,
  };
}

/** Batch norm with settings that are not the usual ones. */
export function norm(name: string, input: string): Layer {
  return { kind: 'batchNorm', name, inputs: [input], epsilon: 1e-3, momentum: 0.2 };
}

export function relu(name: string, input: string): Layer {
  return { kind: 'relu', name, inputs: [input] };
}

export function add(name: string, ...inputs: [string, string]): Layer {
  return { kind: 'add', name, inputs };
}

export function concat(name: string, ...inputs: string[]): Layer {
  return { kind: 'concat', name, inputs };
}

/** The mean over the whole image. */
export function globalMean(name: string, input: string): Layer {
  return pool({ kind: 'meanPool', name, inputs: [input], kernel: 'global', stride: [1, 1] });
}

/** The fully connected layer `fc` of five outputs. */
export function dense(input: string, bias = true): Layer {
  return { kind: 'dense', name: 'fc', inputs: [input], outFeatures: 5, bias };
}

export function activation(name: string, input: string, named: ActivationFunction, slope?: number): Layer {
  return { kind: 'activation', name, inputs: [input], function: named, ...(slope !== undefined && { slope }) };
}

/** A network of these layers on a 6x8 image of 4 channels. */
export function networkOf(...layers: Layer[]): Network {
  return { name: 'test', input: { height: 6, width: 8, channels: 4 }, layers };
}
