import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { networkByName } from '../../src/models/networkByName.js';
import { goldenHeader } from './goldenHeader.js';
import { convolution, networkOf } from './layers.js';

const files = ['ic_resnet8', 'resnet8', 'ic_resnet20', 'ic_resnet18', 'ic_resnet50', 'resnet50'];
const nameOf = (file: string): string => file.replace('_', '-');

describe('networkParameters', () => {
  it.each(files)('lists %s as PyTorch does', (file) => {
    const names = networkParameters(networkByName(nameOf(file))).map(({ name }) => name);
    expect(names).toEqual(JSON.parse(goldenHeader(file).metadata.parameters!));
  });

  it.each(['ic_resnet18', 'ic_resnet50', 'resnet50'])('has as many trainable elements as PyTorch in %s', (file) => {
    const trainable = networkParameters(networkByName(nameOf(file))).filter((spec) => spec.trainable);
    const count = trainable.reduce((total, { shape }) => total + elementCount(shape), 0);
    expect(count).toBe(Number(goldenHeader(file).metadata.count));
  });

  it.each(['ic_resnet8', 'resnet8', 'ic_resnet20'])('shapes what is trained and what is tracked in %s', (file) => {
    const { shapes } = goldenHeader(file);
    const golden = (prefix: string) =>
      Object.fromEntries(
        [...shapes].filter(([name]) => name.startsWith(prefix) && !name.endsWith('.num_batches_tracked')),
      );
    const specs = networkParameters(networkByName(nameOf(file)));
    const trainable = specs.filter((spec) => spec.trainable);
    const running = specs.filter(({ role }) => role === 'runningMean' || role === 'runningVariance');
    expect(Object.fromEntries(trainable.map(({ name, shape }) => [`grad.${name}`, shape]))).toEqual(golden('grad.'));
    expect(Object.fromEntries(running.map(({ name, shape }) => [`after1.${name}`, shape]))).toEqual(golden('after1.'));
  });

  it('describes every parameter of every kind of layer', () => {
    const network = networkOf(
      convolution({ name: 'a', groups: 2, kernel: [3, 5], padding: [1, 2], bias: true, adjust: 'output' }),
      convolution({ name: 'b', inputs: ['a'], outChannels: 6, adjust: 'input', offset: true }),
      { kind: 'batchNorm', name: 'c', inputs: ['b'], epsilon: 1e-5, momentum: 0.1 },
      { kind: 'relu', name: 'd', inputs: ['c'] },
      { kind: 'dense', name: 'e', inputs: ['d'], outFeatures: 5, bias: true },
      { kind: 'dense', name: 'f', inputs: ['e'], outFeatures: 3, bias: false },
      { kind: 'dense', name: 'g', inputs: ['f'], outFeatures: 2, bias: true, adjust: 'output', offset: true },
    );
    const described = networkParameters(network).map(({ name, layer, role, shape, trainable }) => {
      expect(name.startsWith(`${layer}.`)).toBe(true);
      return [name, role, shape, trainable];
    });
    expect(described).toEqual([
      ['a.weight', 'filter', [8, 2, 3, 5], true],
      ['a.adjust', 'adjust', [8], true],
      ['a.bias', 'bias', [8], true],
      ['b.weight', 'filter', [6, 8, 3, 3], true],
      ['b.adjust', 'adjust', [8], true],
      ['b.offset', 'offset', [6], true],
      ['c.weight', 'scale', [6], true],
      ['c.bias', 'shift', [6], true],
      ['c.running_mean', 'runningMean', [6], false],
      ['c.running_var', 'runningVariance', [6], false],
      ['c.num_batches_tracked', 'batchesTracked', [], false],
      ['e.weight', 'denseWeight', [5, 6 * 8 * 6], true],
      ['e.bias', 'denseBias', [5], true],
      ['f.weight', 'denseWeight', [3, 5], true],
      ['g.weight', 'denseWeight', [2, 3], true],
      ['g.adjust', 'adjust', [2], true],
      ['g.offset', 'offset', [2], true],
      ['g.bias', 'denseBias', [2], true],
    ]);
  });

  it('refuses a network that is not well formed', () => {
    expect(() => networkParameters(networkOf(convolution({ groups: 3 })))).toThrow(ShapeError);
  });
});
