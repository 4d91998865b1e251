import type { ConvolutionLayer, Layer, Network, PoolLayer } from '../../src/graph/network.js';

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

/** A network of these layers on a 6x8 image of 4 channels. */
export function networkOf(...layers: Layer[]): Network {
  return { name: 'test', input: { height: 6, width: 8, channels: 4 }, layers };
}
