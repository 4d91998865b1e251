import type { Layer, Network } from '../../src/graph/network.js';
import { add, concat, convolution, dense, globalMean, norm, pool, relu } from '../models/layers.js';

const multiply = (name: string, ...inputs: [string, string]): Layer => ({ kind: 'multiply', name, inputs });
const affine = (name: string, input: string): Layer => ({ kind: 'affine', name, inputs: [input] });
const slice = (name: string, input: string, start: number, channels: number): Layer => ({
  kind: 'slice',
  name,
  inputs: [input],
  start,
  channels,
});
const shuffle = (name: string, input: string, groups: number): Layer => ({
  kind: 'shuffle',
  name,
  inputs: [input],
  groups,
});
const upsample = (
  name: string,
  input: string,
  factor: readonly [number, number],
  mode: 'nearest' | 'bilinear',
  alignCorners = false,
): Layer => ({ kind: 'upsample', name, inputs: [input], factor, mode, ...(alignCorners && { alignCorners }) });
const pointwise = (name: string, input: string, outChannels: number): Layer =>
  convolution({ name, inputs: [input], outChannels, kernel: [1, 1], padding: [0, 0], bias: true });

/** Small networks that have products, affine layers, slices, shuffles, enlargements and response norms in every place. */
export const tensorNetworks: readonly Network[] = [
  {
    name: 'gates of two small convolutions and of a dense layer, products of a tensor with itself, the input and each other',
    input: { height: 7, width: 6, channels: 3 },
    layers: [
      convolution({ name: 'first', outChannels: 6, adjust: 'output' }),
      norm('norm1', 'first'),
      relu('relu1', 'norm1'),
      globalMean('squeeze', 'relu1'),
      pointwise('reduce', 'squeeze', 4),
      relu('reduced', 'reduce'),
      pointwise('expand', 'reduced', 6),
      multiply('excite', 'relu1', 'expand'),
      convolution({ name: 'second', inputs: ['excite'], outChannels: 6, bias: true }),
      norm('norm2', 'second'),
      globalMean('squeeze2', 'norm2'),
      { kind: 'dense', name: 'gate', inputs: ['squeeze2'], outFeatures: 6, bias: true },
      multiply('gated', 'norm2', 'gate'),
      add('residual', 'gated', 'excite'),
      relu('relu2', 'residual'),
      multiply('square', 'relu2', 'relu2'),
      convolution({ name: 'third', inputs: ['square'], outChannels: 3, bias: true }),
      multiply('with-input', 'third', 'input'),
      multiply('of-both', 'input', 'with-input'),
      norm('norm3', 'of-both'),
      dense('norm3'),
    ],
  },
  {
    name: "slices and shuffles as in ShuffleNet, slices of the input, of what others read, of one another's channels",
    input: { height: 5, width: 6, channels: 5 },
    layers: [
      slice('of-input', 'input', 1, 3),
      convolution({ name: 'first', inputs: ['of-input'], outChannels: 8, bias: true }),
      norm('norm1', 'first'),
      slice('left', 'norm1', 0, 4),
      slice('right', 'norm1', 4, 4),
      convolution({ name: 'depthwise', inputs: ['right'], outChannels: 4, groups: 4, bias: true }),
      norm('norm2', 'depthwise'),
      relu('relu2', 'norm2'),
      concat('both', 'left', 'relu2'),
      shuffle('shuffled', 'both', 2),
      slice('odd', 'shuffled', 1, 5),
      slice('even', 'shuffled', 3, 5),
      add('overlap', 'odd', 'even'),
      relu('relu3', 'overlap'),
      shuffle('each', 'relu3', 5),
      shuffle('input-shuffled', 'input', 5),
      concat('all', 'each', 'input-shuffled', 'shuffled'),
      shuffle('last', 'all', 6),
      dense('last'),
    ],
  },
  {
    name: 'affine layers behind everything, enlargements, response norms',
    input: { height: 4, width: 5, channels: 4 },
    layers: [
      affine('affine0', 'input'),
      convolution({ name: 'first', inputs: ['affine0'], outChannels: 5, adjust: 'output' }),
      affine('affine1', 'first'),
      relu('relu1', 'affine1'),
      { kind: 'localResponseNorm', name: 'response', inputs: ['relu1'], size: 3, alpha: 0.5, beta: 0.75, k: 1 },
      pool({ name: 'max', inputs: ['response'] }),
      upsample('nearest', 'max', [2, 3], 'nearest'),
      convolution({ name: 'second', inputs: ['nearest'], outChannels: 6, stride: [1, 1] }),
      norm('norm2', 'second'),
      affine('affine2', 'norm2'),
      convolution({ name: 'beside', inputs: ['nearest'], outChannels: 6, adjust: 'input' }),
      affine('affine3', 'beside'),
      add('sum', 'affine3', 'affine2'),
      relu('relu2', 'sum'),
      upsample('areas', 'relu2', [2, 1], 'bilinear'),
      upsample('points', 'areas', [1, 2], 'bilinear', true),
      upsample('of-input', 'input', [2, 3], 'bilinear'),
      affine('affine4', 'points'),
      add('behind', 'affine4', 'points'),
      globalMean('mean', 'behind'),
      globalMean('mean-of-input', 'of-input'),
      concat('means', 'mean', 'mean-of-input'),
      { kind: 'localResponseNorm', name: 'response2', inputs: ['means'], size: 4, alpha: 1, beta: 0.5, k: 2 },
      affine('affine5', 'response2'),
      dense('affine5'),
    ],
  },
];
