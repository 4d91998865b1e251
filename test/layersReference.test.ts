import { describe, expect, it } from 'vitest';
import type { Layer } from '../src/graph/network.js';
import { inferShapes } from '../src/graph/shapes.js';
import { randomState } from './graph/networks.js';
import { networkOf } from './models/layers.js';
import { networkForward, networkGradients } from './reference/network.js';
import { uniform } from './support/random.js';
import { expectClose } from './support/tolerance.js';

/* The float64 gradients of layers that are loaded, held to central differences of their values. */

const only = (layer: object): Layer[] => [{ name: 'layer', inputs: ['input'], ...layer } as unknown as Layer];
const mean: Layer = {
  kind: 'meanPool',
  name: 'mean',
  inputs: ['input'],
  kernel: 'global',
  stride: [1, 1],
  padding: [0, 0],
};

const cases: readonly (readonly [string, Layer[]])[] = [
  ['a product with a gate', [mean, ...only({ kind: 'multiply', inputs: ['input', 'mean'] })]],
  ['a square', only({ kind: 'multiply', inputs: ['input', 'input'] })],
  ['an affine layer', only({ kind: 'affine' })],
  ['a slice', only({ kind: 'slice', start: 1, channels: 2 })],
  ['a shuffle', only({ kind: 'shuffle', groups: 2 })],
  ['the nearest pixels', only({ kind: 'upsample', factor: [2, 3], mode: 'nearest' })],
  ['a mean of four areas', only({ kind: 'upsample', factor: [3, 2], mode: 'bilinear' })],
  ['a mean of four points', only({ kind: 'upsample', factor: [2, 2], mode: 'bilinear', alignCorners: true })],
  ['a response norm', only({ kind: 'localResponseNorm', size: 3, alpha: 2, beta: 0.75, k: 1 })],
  ['an even response norm', only({ kind: 'localResponseNorm', size: 2, alpha: 1, beta: 0.5, k: 2 })],
];

describe.each(cases)('%s', (_, layers) => {
  const network = networkOf(...layers);
  const x = Float64Array.from(uniform(2 * 6 * 8 * 4, 1));
  const values = new Map([...randomState(network, 2)].map(([name, value]) => [name, Float64Array.from(value)]));
  const outputs = inferShapes(network, 2)
    .get('layer')!
    .reduce((product, size) => product * size, 1);
  const dy = Float64Array.from(uniform(outputs, 3));
  const loss = () =>
    networkForward(network, values, x, { training: true }).logits.reduce((sum, value, i) => sum + value * dy[i]!, 0);

  /** The derivative by every element of a list, which is changed and put back. */
  function differences(list: Float64Array): Float64Array {
    const step = 1e-5;
    return list.map((value, i) => {
      list[i] = value + step;
      const above = loss();
      list[i] = value - step;
      const below = loss();
      list[i] = value;
      return (above - below) / (2 * step);
    });
  }

  it('has the gradient that its values have', () => {
    const { gradients, dInput } = networkGradients(networkForward(network, values, x, { training: true }), dy);
    expectClose(dInput, differences(x), 1e-8 * 20, 'input');
    expect([...gradients.keys()].sort()).toEqual([...values.keys()].sort());
    for (const [name, gradient] of gradients) expectClose(gradient, differences(values.get(name)!), 1e-7, name);
  });
});
