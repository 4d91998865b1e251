import type { Network, TransposedConvolutionLayer } from '../../src/graph/network.js';
import { convolution, dense, norm, pool, relu } from '../models/layers.js';

const transposed = (changes: Partial<TransposedConvolutionLayer>): TransposedConvolutionLayer => ({
  kind: 'transposedConvolution',
  name: 'transposed',
  inputs: ['input'],
  outChannels: 8,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  outputPadding: [0, 0],
  dilation: [1, 1],
  groups: 1,
  bias: false,
  ...changes,
});

/** Small networks with padding of four sides, pools in ceil mode and transposed convolutions. */
export const windowNetworks: readonly Network[] = [
  {
    name: 'padding of four sides, pools whose last windows reach beyond it',
    input: { height: 9, width: 8, channels: 3 },
    layers: [
      convolution({ name: 'first', padding: [0, 1, 1, 2], stride: [2, 1], adjust: 'output' }),
      norm('norm', 'first'),
      relu('relu', 'norm'),
      pool({ name: 'max', inputs: ['relu'], kernel: [2, 3], stride: [2, 2], padding: [0, 0, 1, 1], ceilMode: true }),
      convolution({ name: 'depthwise', inputs: ['max'], groups: 8, padding: [2, 0, 0, 1], adjust: 'input' }),
      convolution({ name: 'second', inputs: ['depthwise'], kernel: [2, 2], padding: [0, 0, 1, 1], bias: true }),
      pool({
        kind: 'meanPool',
        name: 'counted',
        inputs: ['second'],
        kernel: [2, 2],
        stride: [2, 3],
        padding: [0, 1],
        ceilMode: true,
      }),
      pool({
        kind: 'meanPool',
        name: 'uncounted',
        inputs: ['counted'],
        kernel: [2, 2],
        stride: [1, 1],
        padding: [1, 0, 0, 1],
        countPadding: false,
      }),
      dense('uncounted'),
    ],
  },
  {
    name: 'an image made smaller and larger again by transposed convolutions, some depthwise, one of which reads the input',
    input: { height: 9, width: 8, channels: 3 },
    layers: [
      transposed({ name: 'of-input', outChannels: 4, stride: [1, 2], padding: [1, 0, 0, 1], outputPadding: [0, 1] }),
      relu('relu0', 'of-input'),
      convolution({ name: 'down', inputs: ['relu0'], stride: [2, 2], adjust: 'output' }),
      norm('norm1', 'down'),
      relu('relu1', 'norm1'),
      transposed({
        name: 'up',
        inputs: ['relu1'],
        outChannels: 4,
        kernel: [4, 4],
        stride: [2, 2],
        bias: true,
        groups: 2,
      }),
      norm('norm2', 'up'),
      relu('relu2', 'norm2'),
      transposed({ name: 'depthwise', inputs: ['relu2'], outChannels: 4, groups: 4, dilation: [2, 1], kernel: [2, 3] }),
      { kind: 'add', name: 'sum', inputs: ['depthwise', 'relu2'] },
      transposed({ name: 'twice', inputs: ['sum'], outChannels: 2, kernel: [1, 1], padding: [0, 0], bias: true }),
      dense('twice'),
    ],
  },
];
