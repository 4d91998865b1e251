import type { Layer, Network } from '../../src/graph/network.js';
import { convolution, pool } from '../models/layers.js';

const norm = (name: string, input: string): Layer => ({
  kind: 'batchNorm',
  name,
  inputs: [input],
  epsilon: 1e-3,
  momentum: 0.2,
});
const relu = (name: string, input: string): Layer => ({ kind: 'relu', name, inputs: [input] });
const relu6 = (name: string, input: string, maximum = 6): Layer => ({ kind: 'relu', name, inputs: [input], maximum });
const concat = (name: string, ...inputs: string[]): Layer => ({ kind: 'concat', name, inputs });
const add = (name: string, ...inputs: [string, string]): Layer => ({ kind: 'add', name, inputs });
const dense = (input: string, bias = true): Layer => ({
  kind: 'dense',
  name: 'fc',
  inputs: [input],
  outFeatures: 5,
  bias,
});
const globalMean = (input: string): Layer =>
  pool({ kind: 'meanPool', name: 'mean', inputs: [input], kernel: 'global', stride: [1, 1] });

/** Small networks that between them have every kind of layer in every place it can stand. */
export const smallNetworks: readonly Network[] = [
  {
    name: 'residual to the input, a tensor read three times, a sum of three',
    input: { height: 9, width: 8, channels: 3 },
    layers: [
      convolution({ name: 'first', outChannels: 3, adjust: 'output' }),
      norm('norm', 'first'),
      add('residual', 'norm', 'input'),
      relu('shared', 'residual'),
      convolution({ name: 'plain', inputs: ['shared'], bias: true }),
      convolution({ name: 'pointwise', inputs: ['shared'], kernel: [1, 1], padding: [0, 0], adjust: 'input' }),
      convolution({ name: 'dilated', inputs: ['shared'], padding: [2, 2], dilation: [2, 2] }),
      add('two', 'plain', 'pointwise'),
      add('three', 'two', 'dilated'),
      relu('relu', 'three'),
      globalMean('relu'),
      dense('mean'),
    ],
  },
  {
    name: 'groups, strides and dilation, a norm behind a relu, dense over an image',
    input: { height: 7, width: 10, channels: 8 },
    layers: [
      convolution({
        name: 'grouped-output',
        kernel: [3, 5],
        stride: [2, 1],
        padding: [1, 2],
        groups: 2,
        bias: true,
        adjust: 'output',
      }),
      relu('relu1', 'grouped-output'),
      norm('norm1', 'relu1'),
      convolution({
        name: 'grouped-input',
        inputs: ['norm1'],
        outChannels: 12,
        stride: [1, 2],
        padding: [1, 2],
        dilation: [1, 2],
        groups: 4,
        adjust: 'input',
      }),
      norm('norm2', 'grouped-input'),
      relu('relu2', 'norm2'),
      pool({ name: 'max', inputs: ['relu2'], kernel: [3, 3], padding: [1, 1] }),
      dense('max'),
    ],
  },
  {
    name: 'a norm of the input, pools with padding, a sum of a tensor with itself',
    input: { height: 10, width: 9, channels: 5 },
    layers: [
      norm('norm0', 'input'),
      relu('relu0', 'norm0'),
      pool({ kind: 'meanPool', name: 'window', inputs: ['relu0'], kernel: [3, 2], padding: [1, 1] }),
      convolution({
        name: 'odd',
        inputs: ['window'],
        outChannels: 7,
        kernel: [2, 2],
        padding: [1, 0],
        bias: true,
        adjust: 'output',
      }),
      norm('norm1', 'odd'),
      add('twice', 'norm1', 'norm1'),
      pool({ name: 'max', inputs: ['twice'], kernel: [2, 3], stride: [1, 2], padding: [1, 1] }),
      convolution({ name: 'last', inputs: ['max'], outChannels: 6 }),
      relu('relu', 'last'),
      globalMean('relu'),
      dense('mean', false),
    ],
  },
  {
    name: 'a norm with its own input as residual, sums without a norm, a branch that leads nowhere',
    input: { height: 6, width: 6, channels: 4 },
    layers: [
      convolution({ name: 'first', kernel: [3, 1], padding: [1, 0] }),
      norm('norm', 'first'),
      add('around', 'norm', 'first'),
      relu('relu1', 'around'),
      convolution({ name: 'nowhere', inputs: ['relu1'], adjust: 'output' }),
      norm('nowhere-norm', 'nowhere'),
      convolution({ name: 'second', inputs: ['relu1'], adjust: 'input', bias: true }),
      add('sum', 'second', 'relu1'),
      relu('relu2', 'sum'),
      convolution({ name: 'third', inputs: ['relu2'], stride: [2, 2], bias: true }),
      norm('norm3', 'third'),
      dense('norm3'),
    ],
  },
  {
    name: 'bounded relus behind everything, depthwise filters, a mean that leaves padding out, a softmax',
    input: { height: 8, width: 7, channels: 6 },
    layers: [
      convolution({ name: 'bare', bias: true, outChannels: 8, adjust: 'output' }),
      relu6('bare-relu', 'bare', 1.5),
      convolution({
        name: 'depthwise',
        inputs: ['bare-relu'],
        outChannels: 8,
        groups: 8,
        stride: [2, 1],
        adjust: 'output',
      }),
      norm('norm', 'depthwise'),
      relu6('norm-relu', 'norm', 0.75),
      convolution({ name: 'input-form', inputs: ['norm-relu'], outChannels: 8, groups: 8, adjust: 'input' }),
      norm('norm2', 'input-form'),
      add('sum', 'norm2', 'norm-relu'),
      relu6('sum-relu', 'sum', 1),
      pool({
        kind: 'meanPool',
        name: 'mean',
        inputs: ['sum-relu'],
        kernel: [3, 2],
        padding: [1, 1],
        stride: [2, 2],
        countPadding: false,
      }),
      add('twice', 'mean', 'mean'),
      relu6('twice-relu', 'twice', 1),
      dense('twice-relu'),
      { kind: 'softmax', name: 'probabilities', inputs: ['fc'] },
    ],
  },
  {
    name: 'concatenations of the input, of a tensor with itself, of what others read too',
    input: { height: 5, width: 6, channels: 3 },
    layers: [
      convolution({ name: 'first', outChannels: 4, bias: true }),
      concat('with-input', 'input', 'first'),
      norm('norm1', 'with-input'),
      relu('relu1', 'norm1'),
      convolution({ name: 'second', inputs: ['relu1'], outChannels: 4, adjust: 'output' }),
      concat('grown', 'with-input', 'second', 'first'),
      convolution({ name: 'third', inputs: ['second'], outChannels: 8 }),
      concat('doubled', 'third', 'third'),
      concat('all', 'grown', 'doubled'),
      norm('norm2', 'all'),
      relu('relu2', 'norm2'),
      pool({ kind: 'meanPool', name: 'half', inputs: ['relu2'] }),
      dense('half'),
    ],
  },
  {
    name: 'no convolution at all',
    input: { height: 4, width: 3, channels: 6 },
    layers: [norm('norm', 'input'), add('residual', 'norm', 'input'), relu('relu', 'residual'), dense('relu')],
  },
];
