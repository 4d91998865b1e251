import type { Network } from '../../src/graph/network.js';

/** An IC convolution of pictures of ImageNet's size, and classes: what pages run in the place of a ResNet. */
export const tinyNetwork: Network = {
  name: 'tiny',
  input: { height: 224, width: 224, channels: 3 },
  layers: [
    {
      ...{
        kind: 'convolution',
        name: 'conv',
        inputs: ['input'],
        outChannels: 4,
        groups: 1,
        bias: true,
        adjust: 'output',
      },
      ...{ kernel: [4, 4], stride: [4, 4], padding: [0, 0], dilation: [1, 1] },
    },
    { kind: 'meanPool', name: 'pool', inputs: ['conv'], kernel: 'global', stride: [1, 1], padding: [0, 0] },
    { kind: 'dense', name: 'classes', inputs: ['pool'], outFeatures: 5, bias: true },
  ],
};
