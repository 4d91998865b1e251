import type { ActivationLayer, Layer, Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { goldenParameters } from '../golden/load.js';
import { convolution, pool } from '../models/layers.js';
import { smallNetworks } from '../networks/smallNetworks.js';
import { tensorNetworks } from '../networks/tensorNetworks.js';
import { windowNetworks } from '../networks/windowNetworks.js';

const norm = (name: string, input: string): Layer => ({
  kind: 'batchNorm',
  name,
  inputs: [input],
  epsilon: 1e-5,
  momentum: 0.1,
});
const dense = (name: string, input: string, outFeatures: number): Layer => ({
  kind: 'dense',
  name,
  inputs: [input],
  outFeatures,
  bias: true,
});

const activation = (name: string, input: string, fields: Omit<ActivationLayer, 'kind' | 'name' | 'inputs'>): Layer => ({
  kind: 'activation',
  name,
  inputs: [input],
  ...fields,
});

/** Every function of elements, of images and of rows. */
const activationNetwork: Network = {
  name: 'functions of elements',
  input: { height: 5, width: 4, channels: 3 },
  layers: [
    convolution({ name: 'conv', outChannels: 6, bias: true }),
    activation('silu', 'conv', { function: 'silu' }),
    activation('swish', 'silu', { function: 'hardSwish' }),
    activation('tanh', 'conv', { function: 'tanh' }),
    { kind: 'prelu', name: 'prelu', inputs: ['tanh'] },
    { kind: 'add', name: 'sum', inputs: ['swish', 'prelu'] },
    activation('leaky', 'sum', { function: 'leakyRelu' }),
    activation('leakier', 'leaky', { function: 'leakyRelu', slope: 0.2 }),
    pool({ kind: 'meanPool', name: 'mean', inputs: ['leakier'], kernel: 'global', stride: [1, 1] }),
    dense('squeeze', 'mean', 6),
    activation('gate', 'squeeze', { function: 'hardSigmoid' }),
    { kind: 'multiply', name: 'gated', inputs: ['leakier', 'gate'] },
    dense('hidden', 'gated', 7),
    activation('gelu', 'hidden', { function: 'gelu' }),
    { kind: 'prelu', name: 'prelu of rows', inputs: ['gelu'] },
    activation('steep', 'prelu of rows', { function: 'hardSigmoid', slope: 0.3 }),
    dense('last', 'steep', 5),
    activation('sigmoid', 'last', { function: 'sigmoid' }),
  ],
};

/** The same with response norms of odd sizes, which come back from ONNX. */
function withOddNorms(network: Network): Network {
  const layers = network.layers.map((layer) =>
    layer.kind === 'localResponseNorm' && layer.size % 2 === 0 ? { ...layer, size: layer.size + 1 } : layer,
  );
  return { ...network, layers };
}

/** Every kind of layer in every place, and what is particular to ONNX: rows between images, and names that clash. */
export const exportedNetworks: readonly Network[] = [
  ...smallNetworks,
  ...tensorNetworks.map(withOddNorms),
  ...windowNetworks,
  activationNetwork,
  {
    name: 'rows behind dense layers, an image out of a row',
    input: { height: 5, width: 4, channels: 3 },
    layers: [
      dense('first', 'input', 8),
      { kind: 'relu', name: 'relu', inputs: ['first'] },
      norm('norm', 'relu'),
      pool({ kind: 'maxPool', name: 'pooled', inputs: ['norm'], kernel: [1, 1], stride: [1, 1] }),
      { kind: 'add', name: 'row and image', inputs: ['norm', 'pooled'] },
      convolution({ name: 'pixel', inputs: ['row and image'], adjust: 'output', kernel: [1, 1], padding: [0, 0] }),
      convolution({ name: 'padded', inputs: ['pixel'], adjust: 'input', groups: 4 }),
      pool({ kind: 'maxPool', name: 'whole', inputs: ['padded'], kernel: 'global', stride: [1, 1] }),
      { kind: 'add', name: 'sum', inputs: ['whole', 'first'] },
      dense('last', 'sum', 5),
    ],
  },
  {
    name: 'depthwise, a filter to several inputs, pixels with a stride, names that clash',
    input: { height: 9, width: 7, channels: 6 },
    layers: [
      convolution({ name: 'logits', groups: 6, outChannels: 6, adjust: 'output', bias: true }),
      convolution({ name: 'logits/Conv', inputs: ['logits'], groups: 6, outChannels: 12, adjust: 'output' }),
      convolution({ name: 'ones.1x1x3x3', inputs: ['logits/Conv'], groups: 3, outChannels: 3, adjust: 'input' }),
      convolution({
        name: 'logits.weight',
        inputs: ['ones.1x1x3x3'],
        outChannels: 5,
        kernel: [1, 1],
        padding: [0, 0],
        stride: [2, 2],
        adjust: 'output',
      }),
    ],
  },
];

/** The formula-made weights of the golden files for a network; see goldenParameters. */
export function formulaWeights(network: Network): Map<string, Float32Array<ArrayBuffer>> {
  const specs = networkParameters(network);
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  return goldenParameters([...shapes.keys()], (name) => shapes.get(name)!);
}
