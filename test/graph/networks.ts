import type { Network } from '../../src/graph/network.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { convolution, pool } from '../models/layers.js';
import { randomArray } from '../support/random.js';

/** A network with every role of parameter and a dense layer over an image of 3x4 pixels. */
export const everyRole: Network = {
  name: 'every-role',
  input: { height: 6, width: 8, channels: 3 },
  layers: [
    convolution({ name: 'plain', outChannels: 6, bias: true }),
    { kind: 'batchNorm', name: 'norm', inputs: ['plain'], epsilon: 1e-5, momentum: 0.1 },
    { kind: 'relu', name: 'relu', inputs: ['norm'] },
    convolution({
      name: 'output',
      inputs: ['relu'],
      outChannels: 4,
      groups: 2,
      kernel: [1, 3],
      padding: [0, 1],
      adjust: 'output',
      offset: true,
    }),
    convolution({ name: 'input-form', inputs: ['output'], outChannels: 5, adjust: 'input' }),
    pool({ name: 'pool', inputs: ['input-form'] }),
    { kind: 'dense', name: 'fc', inputs: ['pool'], outFeatures: 7, bias: true },
  ],
};

/** Random values for the whole state of a network, variances positive. */
export function randomState(network: Network, seed: number): Map<string, Float32Array<ArrayBuffer>> {
  return new Map(
    networkParameters(network).map(({ name, role, shape }, index) => {
      const count = elementCount(shape);
      if (role === 'batchesTracked') return [name, Float32Array.of(17)];
      const low = role === 'runningVariance' || role === 'scale' ? 0.5 : -1;
      return [name, randomArray(count, 100 * seed + index, low, 1)];
    }),
  );
}
