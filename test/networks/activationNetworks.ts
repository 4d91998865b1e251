import type { Layer, Network } from '../../src/graph/network.js';
import { activation, add, convolution, dense, globalMean, norm } from '../models/layers.js';

const prelu = (name: string, input: string): Layer => ({ kind: 'prelu', name, inputs: [input] });

/** Small networks with every activation, behind everything that one can stand behind. */
export const activationNetworks: readonly Network[] = [
  {
    name: 'a block as in MobileNetV3',
    input: { height: 8, width: 7, channels: 3 },
    layers: [
      convolution({ name: 'stem', outChannels: 8, stride: [2, 1] }),
      norm('stem-norm', 'stem'),
      activation('stem-act', 'stem-norm', 'hardSwish'),
      convolution({ name: 'expand', inputs: ['stem-act'], outChannels: 16, kernel: [1, 1], padding: [0, 0] }),
      norm('expand-norm', 'expand'),
      activation('expand-act', 'expand-norm', 'silu'),
      convolution({ name: 'depthwise', inputs: ['expand-act'], outChannels: 16, groups: 16 }),
      norm('depthwise-norm', 'depthwise'),
      activation('depthwise-act', 'depthwise-norm', 'hardSwish'),
      convolution({ name: 'project', inputs: ['depthwise-act'], kernel: [1, 1], padding: [0, 0] }),
      norm('project-norm', 'project'),
      add('sum', 'project-norm', 'stem-act'),
      activation('sum-act', 'sum', 'gelu'),
      globalMean('mean', 'sum-act'),
      activation('gate', 'mean', 'sigmoid'),
      dense('gate'),
    ],
  },
  {
    name: 'slopes of the input, of each channel, of what others read too',
    input: { height: 6, width: 5, channels: 3 },
    layers: [
      prelu('of-input', 'input'),
      convolution({ name: 'first', inputs: ['of-input'], outChannels: 6, bias: true, adjust: 'output' }),
      prelu('first-slopes', 'first'),
      norm('norm', 'first-slopes'),
      prelu('norm-slopes', 'norm'),
      convolution({ name: 'second', inputs: ['norm-slopes'], outChannels: 6, groups: 2, bias: true }),
      activation('leaky', 'second', 'leakyRelu', 0.2),
      add('sum', 'leaky', 'norm-slopes'),
      prelu('sum-slopes', 'sum'),
      activation('shared', 'sum-slopes', 'tanh'),
      add('both', 'shared', 'sum-slopes'),
      activation('hard', 'both', 'hardSigmoid', 0.15),
      dense('hard'),
    ],
  },
  {
    name: 'an activation of the input, and one for logits',
    input: { height: 4, width: 5, channels: 2 },
    layers: [
      activation('of-input', 'input', 'silu'),
      convolution({ name: 'first', inputs: ['of-input'], outChannels: 4, bias: true, adjust: 'input' }),
      activation('first-act', 'first', 'gelu'),
      convolution({ name: 'second', inputs: ['first-act'], outChannels: 4, adjust: 'output' }),
      norm('norm', 'second'),
      add('residual', 'norm', 'first-act'),
      activation('residual-act', 'residual', 'silu'),
      dense('residual-act'),
      activation('logits', 'fc', 'tanh'),
    ],
  },
];
