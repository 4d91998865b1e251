import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import type { Layer } from '../../src/graph/network.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { expectError } from './errors.js';
import { convolution, networkOf, pool } from './layers.js';

describe('inferShapes', () => {
  it('gives the input and every layer its shape', () => {
    const network = networkOf(
      convolution({ name: 'a', outChannels: 6, kernel: [3, 5], stride: [2, 1], padding: [0, 2], groups: 2 }),
      { kind: 'batchNorm', name: 'b', inputs: ['a'], epsilon: 1e-5, momentum: 0.1 },
      { kind: 'relu', name: 'c', inputs: ['b'] },
      { kind: 'add', name: 'd', inputs: ['c', 'a'] },
      convolution({ name: 'e', inputs: ['d'], kernel: [2, 3], padding: [1, 0], dilation: [1, 3] }),
      pool({ name: 'f', inputs: ['e'], kernel: [3, 2], stride: [2, 1], padding: [1, 0] }),
      pool({ kind: 'meanPool', name: 'g', inputs: ['f'], kernel: 'global', stride: [1, 1] }),
      pool({ name: 'k', inputs: ['d'], kernel: [2, 4], stride: [2, 3], padding: [1, 0, 0, 1], ceilMode: true }),
      convolution({ name: 'l', inputs: ['d'], kernel: [3, 2], padding: [2, 0, 1, 1] }),
      { kind: 'concat', name: 'i', inputs: ['f', 'f', 'f'] },
      { kind: 'dense', name: 'h', inputs: ['g'], outFeatures: 10, bias: true },
      { kind: 'softmax', name: 'j', inputs: ['h'] },
    );
    expect(Object.fromEntries(inferShapes(network, 3))).toEqual({
      input: [3, 6, 8, 4],
      a: [3, 2, 8, 6],
      b: [3, 2, 8, 6],
      c: [3, 2, 8, 6],
      d: [3, 2, 8, 6],
      e: [3, 3, 2, 8],
      f: [3, 2, 1, 8],
      g: [3, 1, 1, 8],
      k: [3, 2, 3, 6],
      l: [3, 3, 8, 8],
      i: [3, 2, 1, 24],
      h: [3, 1, 1, 10],
      j: [3, 1, 1, 10],
    });
  });

  it('takes a dense layer over a whole image', () => {
    const network = networkOf({ kind: 'dense', name: 'fc', inputs: ['input'], outFeatures: 5, bias: false });
    expect(inferShapes(network, 2).get('fc')).toEqual([2, 1, 1, 5]);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a batch of %s', (batch) => {
    const named = { operation: 'inferShapes', parameter: 'batch', got: String(batch) };
    expectError(() => inferShapes(networkOf(convolution()), batch), ShapeError, named);
  });

  it.each(['height', 'width', 'channels'] as const)('refuses an input without %s', (side) => {
    const network = networkOf(convolution());
    const broken = { ...network, input: { ...network.input, [side]: 0 } };
    expectError(() => inferShapes(broken, 1), ShapeError, { operation: 'inferShapes', parameter: `input.${side}` });
  });

  it('refuses a network without layers', () => {
    expectError(() => inferShapes(networkOf(), 1), ShapeError, { operation: 'inferShapes', parameter: 'layers' });
  });

  it('refuses sizes that are not exact', () => {
    const wide = networkOf(convolution());
    const input = { height: 2 ** 30, width: 2 ** 20, channels: 2 };
    const named = { operation: 'inferShapes', parameter: 'input', got: '[1, 1073741824, 1048576, 2]' };
    expectError(() => inferShapes({ ...wide, input }, 1), ShapeError, named);
    const doublings = Array.from({ length: 60 }, (_, index): Layer => {
      const before = index === 0 ? 'input' : `${index - 1}`;
      return { kind: 'concat', name: `${index}`, inputs: [before, before] };
    });
    expectError(() => inferShapes(networkOf(...doublings), 1), ShapeError, {
      operation: 'concat',
      parameter: '43.output',
    });
  });

  const relu = (name: string, ...inputs: string[]): Layer => ({ kind: 'relu', name, inputs });
  const add = (...inputs: string[]): Layer => ({ kind: 'add', name: 'add', inputs });
  const concat = (...inputs: string[]): Layer => ({ kind: 'concat', name: 'cat', inputs });
  const softmax = (name: string, ...inputs: string[]): Layer => ({ kind: 'softmax', name, inputs });
  const dense = (outFeatures: number): Layer => ({
    kind: 'dense',
    name: 'fc',
    inputs: ['input'],
    outFeatures,
    bias: true,
  });

  const wrong: [what: string, operation: string, parameter: string, got: string, layers: Layer[]][] = [
    ['a name used twice', 'relu', 'a.name', 'a', [relu('a', 'input'), relu('a', 'input')]],
    ['a layer called input', 'relu', 'input.name', 'input', [relu('input', 'input')]],
    ['an unknown input', 'relu', 'a.inputs', 'b', [relu('a', 'b')]],
    ['an input defined later', 'relu', 'a.inputs', 'b', [relu('a', 'b'), relu('b', 'input')]],
    ['a layer that reads itself', 'relu', 'a.inputs', 'a', [relu('a', 'a')]],
    ['a relu of none', 'relu', 'a.inputs', '0', [relu('a')]],
    ['a relu of two', 'relu', 'a.inputs', '2', [relu('a', 'input', 'input')]],
    ['an add of one', 'add', 'add.inputs', '1', [add('input')]],
    ['an add of three', 'add', 'add.inputs', '3', [add('input', 'input', 'input')]],
    ['an add with an unknown input', 'add', 'add.inputs', 'b', [add('input', 'b')]],
    ['an add of two shapes', 'add', 'add.inputs', '[1, 6, 8, 8]', [convolution(), add('input', 'conv')]],
    ['no output channels', 'convolution', 'conv.outChannels', '0', [convolution({ outChannels: 0 })]],
    ['half an output channel', 'convolution', 'conv.outChannels', '7.5', [convolution({ outChannels: 7.5 })]],
    ['no groups', 'convolution', 'conv.groups', '0', [convolution({ groups: 0 })]],
    ['groups that split the input unevenly', 'convolution', 'conv.groups', '8', [convolution({ groups: 8 })]],
    [
      'groups that split the output unevenly',
      'convolution',
      'conv.groups',
      '4',
      [convolution({ groups: 4, outChannels: 6 })],
    ],
    ['a kernel without height', 'convolution', 'conv.kernel', '0', [convolution({ kernel: [0, 3] })]],
    ['a kernel without width', 'convolution', 'conv.kernel', '0', [convolution({ kernel: [3, 0] })]],
    ['a stride of 0', 'convolution', 'conv.stride', '0', [convolution({ stride: [1, 0] })]],
    ['a dilation of 0', 'convolution', 'conv.dilation', '0', [convolution({ dilation: [0, 1] })]],
    ['a negative padding', 'convolution', 'conv.padding', '-1', [convolution({ padding: [1, -1] })]],
    ['a half padding', 'convolution', 'conv.padding', '0.5', [convolution({ padding: [0.5, 1] })]],
    ['a window too high', 'convolution', 'conv.kernel', '9', [convolution({ kernel: [9, 3] })]],
    ['a window too wide', 'convolution', 'conv.kernel', '11', [convolution({ dilation: [1, 5] })]],
    ['a pool too high', 'maxPool', 'pool.kernel', '7', [pool({ kernel: [7, 2] })]],
    ['a pool stride of 0', 'maxPool', 'pool.stride', '0', [pool({ stride: [0, 2] })]],
    ['a pool padding as large as the kernel', 'maxPool', 'pool.padding', '[1, 2]', [pool({ padding: [1, 2] })]],
    [
      'a window below the image',
      'meanPool',
      'pool.padding',
      '[0, 0, 3, 0]',
      [pool({ kind: 'meanPool', stride: [1, 1], padding: [0, 0, 3, 0] })],
    ],
    ['a padded global pool', 'maxPool', 'pool.padding', '[0, 1]', [pool({ kernel: 'global', padding: [0, 1] })]],
    ['a relu bounded by 0', 'relu', 'a.maximum', '0', [{ ...relu('a', 'input'), maximum: 0 } as Layer]],
    [
      'a relu bounded by none',
      'relu',
      'a.maximum',
      'Infinity',
      [{ ...relu('a', 'input'), maximum: Infinity } as Layer],
    ],
    ['a concat of nothing', 'concat', 'cat.inputs', '0', [concat()]],
    ['a concat of two sizes', 'concat', 'cat.inputs', '[3, 4]', [pool(), concat('input', 'pool')]],
    ['a concat with an unknown input', 'concat', 'cat.inputs', 'b', [concat('input', 'b')]],
    ['a softmax in the middle', 'softmax', 'a.name', 'a', [softmax('a', 'input'), relu('b', 'a')]],
    ['a dense layer without outputs', 'dense', 'fc.outFeatures', '0', [dense(0)]],
    ['a dense layer of half an output', 'dense', 'fc.outFeatures', '2.5', [dense(2.5)]],
    ['an offset of a plain convolution', 'convolution', 'conv.offset', 'true', [convolution({ offset: true })]],
    ['an offset of a plain dense layer', 'dense', 'fc.offset', 'true', [{ ...dense(2), offset: true } as Layer]],
  ];
  it.each(wrong)('refuses %s', (_, operation, parameter, got, layers) => {
    expectError(() => inferShapes(networkOf(...layers), 1), ShapeError, { operation, parameter, got });
  });

  it('refuses a kind of layer it does not know', () => {
    const layer = { kind: 'attention', name: 'a', inputs: ['input'] } as unknown as Layer;
    expectError(() => inferShapes(networkOf(layer), 1), UnsupportedError, { parameter: 'a.kind', got: 'attention' });
  });
});
