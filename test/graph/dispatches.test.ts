import { describe, expect, it } from 'vitest';
import { planInferenceIn } from '../../src/graph/half.js';
import type { Layer } from '../../src/graph/network.js';
import { convolution, networkOf, pool } from '../models/layers.js';

describe('dispatches of inference', () => {
  const dispatches = (...layers: Layer[]): string[] =>
    planInferenceIn(networkOf(...layers), 1, {}, { subgroup: 32 }).forward.map(({ layer }) => layer);
  const affine = (name: string, input: string): Layer => ({ kind: 'affine', name, inputs: [input] });
  const conv = (name: string, input: string, one = false): Layer =>
    convolution({ name, inputs: [input], outChannels: 4, ...(one && { kernel: [1, 1], padding: [0, 0] }) });
  const norm: Layer = { kind: 'batchNorm', name: 'norm', inputs: ['conv'], epsilon: 1e-5, momentum: 0.1 };

  it('an affine layer costs none behind a convolution, with a batch norm between or not, and takes what is behind itself', () => {
    const first: Layer = { kind: 'relu', name: 'first', inputs: ['input'] };
    const behind: Layer[] = [
      { kind: 'add', name: 'add', inputs: ['affine', 'first'] },
      { kind: 'relu', name: 'relu', inputs: ['add'] },
    ];
    const run = (...layers: Layer[]) => dispatches(first, ...layers, ...behind);
    expect(run(conv('conv', 'input'), affine('affine', 'conv'))).toEqual(['first', 'conv']);
    expect(run(conv('conv', 'input'), norm, affine('affine', 'norm'))).toEqual(['first', 'conv']);
    expect(run(affine('affine', 'input'))).toEqual(['first', 'affine']);
  });

  it('squeeze and excitation is a mean, two small convolutions and a product', () => {
    const layers: Layer[] = [
      conv('conv', 'input'),
      pool({ kind: 'meanPool', name: 'squeeze', inputs: ['conv'], kernel: 'global', stride: [1, 1] }),
      conv('reduce', 'squeeze', true),
      { kind: 'relu', name: 'relu', inputs: ['reduce'] },
      conv('expand', 'relu', true),
      { kind: 'activation', name: 'gate', inputs: ['expand'], function: 'hardSigmoid' },
      { kind: 'multiply', name: 'excite', inputs: ['conv', 'gate'] },
    ];
    expect(dispatches(...layers)).toEqual(['conv', 'squeeze', 'reduce', 'expand', 'excite']);
  });
});
