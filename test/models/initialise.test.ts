import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/errors.js';
import { elementCount, networkParameters } from '../../src/graph/parameters.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { randomStream } from '../../src/models/random.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { toIC } from '../../src/models/toIC.js';
import { expectError } from './errors.js';
import { convolution, networkOf } from './layers.js';

function moments(values: Iterable<number>): { mean: number; variance: number; kurtosis: number } {
  const all = [...values];
  const average = (of: (value: number) => number) => all.reduce((total, value) => total + of(value), 0) / all.length;
  const mean = average((value) => value);
  const variance = average((value) => (value - mean) ** 2);
  return { mean, variance, kurtosis: average((value) => (value - mean) ** 4) / variance ** 2 };
}

describe('randomStream', () => {
  const draw = (seed: number, name: string, count = 8) => {
    const stream = randomStream(seed, name);
    return Array.from({ length: count }, () => stream.uniform());
  };

  it('repeats itself, and differs by seed, by the high bits of the seed and by name', () => {
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    const starts = [draw(1, 'a'), draw(2, 'a'), draw(1 + 2 ** 32, 'a'), draw(1, 'b'), draw(1, 'ab')];
    expect(new Set(starts.flat()).size).toBe(starts.flat().length);
  });

  it('is uniform in [0, 1)', () => {
    const values = draw(3, 'uniform', 100_000);
    const { mean, variance, kurtosis } = moments(values);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.005);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
    expect(Math.abs(kurtosis - 1.8)).toBeLessThan(0.02);
  });

  it('is normal, with successive draws uncorrelated', () => {
    const stream = randomStream(4, 'normal');
    const values = Array.from({ length: 100_000 }, () => stream.normal());
    const { mean, variance, kurtosis } = moments(values);
    const products = values.slice(1).map((value, i) => value * values[i]!);
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(Math.abs(variance - 1)).toBeLessThan(0.02);
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.1);
    expect(Math.abs(moments(products).mean)).toBeLessThan(0.015);
  });
});

describe('initialParameters', () => {
  const network = networkOf(
    convolution({ name: 'a', outChannels: 64, groups: 2, kernel: [3, 5], bias: true, adjust: 'output', offset: true }),
    convolution({ name: 'b', inputs: ['a'], outChannels: 96, adjust: 'input' }),
    { kind: 'batchNorm', name: 'c', inputs: ['b'], epsilon: 1e-5, momentum: 0.1 },
    { kind: 'dense', name: 'd', inputs: ['c'], outFeatures: 50, bias: true, adjust: 'output', offset: true },
  );
  const parameters = initialParameters(network, 1);

  it('has every parameter at its size, in order', () => {
    const sizes = [...parameters].map(([name, values]) => [name, values.length]);
    expect(sizes).toEqual(networkParameters(network).map(({ name, shape }) => [name, elementCount(shape)]));
  });

  it.each([
    ['a.weight', 2 / (64 * 15)],
    ['b.weight', 2 / (96 * 9)],
  ])('draws %s from a normal distribution of the He variance', (name, variance) => {
    const found = moments(parameters.get(name)!);
    const count = parameters.get(name)!.length;
    expect(Math.abs(found.mean)).toBeLessThan(5 * Math.sqrt(variance / count));
    expect(Math.abs(found.variance / variance - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(found.kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24 / count));
  });

  it.each([
    ['a.bias', 2 * 15, 0.9],
    ['d.weight', 96 * 6 * 6, 0.999],
    ['d.bias', 96 * 6 * 6, 0.9],
  ])('draws %s from all of its uniform range', (name, fanIn, reached) => {
    const bound = 1 / Math.sqrt(fanIn);
    const values = [...parameters.get(name)!];
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(reached * bound);
    expect(new Set(values.map(Math.sign))).toEqual(new Set([-1, 1]));
  });

  it.each([
    ['a.adjust', 1 / (2 * 15)],
    ['a.offset', 0],
    ['d.adjust', 1 / (96 * 6 * 6)],
    ['d.offset', 0],
    ['b.adjust', 1 / (64 * 9)],
    ['c.weight', 1],
    ['c.bias', 0],
    ['c.running_mean', 0],
    ['c.running_var', 1],
    ['c.num_batches_tracked', 0],
  ])('sets %s', (name, value) => {
    expect(new Set(parameters.get(name)!)).toEqual(new Set([Math.fround(value)]));
  });

  it('repeats itself for a seed and differs for another', () => {
    expect(initialParameters(network, 1)).toEqual(parameters);
    const other = initialParameters(network, 2);
    for (const name of ['a.weight', 'a.bias', 'b.weight', 'd.weight', 'd.bias']) {
      expect(other.get(name)).not.toEqual(parameters.get(name));
    }
  });

  it('draws every parameter on its own', () => {
    const blocks = initialParameters(networkByName('resnet14'), 5);
    expect(blocks.get('layer1.0.conv1.weight')).not.toEqual(blocks.get('layer1.0.conv2.weight'));
    expect(blocks.get('layer1.0.conv1.weight')).not.toEqual(blocks.get('layer1.1.conv1.weight'));
  });

  it('starts an IC network from the filters of its plain network', () => {
    const plain = cifarResNet({ depth: 8, ic: false });
    const ic = initialParameters(toIC(plain), 7);
    for (const [name, values] of initialParameters(plain, 7)) expect(ic.get(name)).toEqual(values);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
    const named = { operation: 'initialParameters', parameter: 'seed', got: String(seed) };
    expectError(() => initialParameters(network, seed), ShapeError, named);
  });
});
