import { describe, expect, it } from 'vitest';
import {
  endsInference,
  endsTraining,
  type FusedLayers,
  fuseLayers,
  isBatchNorm,
  isConvolution,
  isScale,
} from '../../src/graph/fusion.js';
import type { Layer } from '../../src/graph/network.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { convolution, networkOf } from '../models/layers.js';

const norm = (name: string, input: string): Layer => ({
  kind: 'batchNorm',
  name,
  inputs: [input],
  epsilon: 1e-5,
  momentum: 0.1,
});
const relu = (name: string, input: string): Layer => ({ kind: 'relu', name, inputs: [input] });
const add = (name: string, ...inputs: string[]): Layer => ({ kind: 'add', name, inputs });
const conv = (name: string, input = 'input'): Layer => convolution({ name, inputs: [input], outChannels: 4 });

/** The names of a group's layers, head first, then what it adds. */
function namesOf({ head, norm, add, relu, ending, residual }: FusedLayers): string {
  const members = [head, norm, add, relu, ending].flatMap((layer) => layer?.name ?? []).join(' ');
  return residual ? `${members} + ${residual}` : members;
}

const heads = (layer: Layer): boolean => isConvolution(layer) || isBatchNorm(layer) || layer.kind === 'add';
const groups = (...layers: Layer[]): string[] => fuseLayers(networkOf(...layers), heads).map(namesOf);

describe('fuseLayers', () => {
  it('makes one group of each convolution of a ResNet with what stands behind it', () => {
    const network = cifarResNet({ depth: 8, ic: true });
    expect(fuseLayers(network, heads).map(namesOf)).toEqual([
      'conv1 bn1 relu',
      'layer1.0.conv1 layer1.0.bn1 layer1.0.relu1',
      'layer1.0.conv2 layer1.0.bn2 layer1.0.add layer1.0.relu2 + relu',
      'layer2.0.conv1 layer2.0.bn1 layer2.0.relu1',
      'layer2.0.downsample.0 layer2.0.downsample.1',
      'layer2.0.conv2 layer2.0.bn2 layer2.0.add layer2.0.relu2 + layer2.0.downsample.1',
      'layer3.0.conv1 layer3.0.bn1 layer3.0.relu1',
      'layer3.0.downsample.0 layer3.0.downsample.1',
      'layer3.0.conv2 layer3.0.bn2 layer3.0.add layer3.0.relu2 + layer3.0.downsample.1',
      'avgpool',
      'fc',
    ]);
  });

  it('leaves convolutions alone where batch norms are the heads', () => {
    const network = networkOf(conv('c'), norm('n', 'c'), add('a', 'n', 'input'), relu('r', 'a'));
    expect(fuseLayers(network, isBatchNorm).map(namesOf)).toEqual(['c', 'n a r + input']);
  });

  it.each([
    ['the convolution', [conv('c'), norm('n', 'c'), relu('r', 'n'), add('a', 'c', 'r')], ['c', 'n r', 'a']],
    ['the norm', [conv('c'), norm('n', 'c'), relu('r', 'n'), add('a', 'r', 'n')], ['c n', 'r', 'a']],
    [
      'the sum',
      [conv('c'), norm('n', 'c'), add('s', 'n', 'input'), relu('r', 's'), add('a', 'r', 's')],
      ['c n s + input', 'r', 'a'],
    ],
  ] as const)('ends where somebody else reads %s', (_, layers, expected) => {
    expect(groups(...layers)).toEqual(expected);
  });

  it('does not fuse a sum of the same tensor twice', () => {
    expect(groups(conv('c'), norm('n', 'c'), add('a', 'n', 'n'), relu('r', 'a'))).toEqual(['c n', 'a r']);
  });

  it('fuses a convolution with sum and relu without a norm', () => {
    expect(groups(conv('c'), add('a', 'c', 'input'), relu('r', 'a'))).toEqual(['c a r + input']);
  });

  it('joins a sum to its first input, and has the second ready by then', () => {
    expect(groups(conv('c'), conv('d'), add('a', 'c', 'd'), relu('r', 'a'))).toEqual(['d', 'c a r + d']);
    expect(groups(conv('c'), conv('d'), add('a', 'd', 'c'), relu('r', 'a'))).toEqual(['c', 'd a r + c']);
  });

  it('takes an affine layer behind a convolution or its batch norm, and makes one a head', () => {
    const affine = (name: string, input: string): Layer => ({ kind: 'affine', name, inputs: [input] });
    const all = (layer: Layer): boolean => heads(layer) || isScale(layer);
    const members = (...layers: Layer[]): string[] =>
      fuseLayers(networkOf(...layers), all).map(({ head, norm, affine, relu }) =>
        [head, norm, affine, relu].flatMap((layer) => layer?.name ?? []).join(' '),
      );
    expect(members(conv('c'), affine('a', 'c'), relu('r', 'a'))).toEqual(['c a r']);
    expect(members(conv('c'), norm('n', 'c'), affine('a', 'n'))).toEqual(['c n a']);
    expect(members(conv('c'), affine('a', 'c'), norm('n', 'a'), relu('r', 'n'))).toEqual(['c a', 'n r']);
    expect(members(affine('a', 'input'), relu('r', 'a'))).toEqual(['a r']);
  });

  it('lets nothing behind a layer that is kept join its group', () => {
    const layers = [conv('c'), norm('n', 'c'), add('a', 'n', 'input'), relu('r', 'a')];
    const fused = (...kept: string[]) => fuseLayers(networkOf(...layers), heads, { kept: new Set(kept) }).map(namesOf);
    expect(fused('r')).toEqual(['c n a r + input']);
    expect(fused('a')).toEqual(['c n a + input', 'r']);
    expect(fused('n')).toEqual(['c n', 'a r']);
    expect(fused('c')).toEqual(['c', 'n a r + input']);
  });

  it('ends in another activation where that is allowed', () => {
    const act = (name: string, input: string): Layer => ({
      kind: 'activation',
      name,
      inputs: [input],
      function: 'silu',
    });
    const prelu = (name: string, input: string): Layer => ({ kind: 'prelu', name, inputs: [input] });
    const layers = [conv('c'), norm('n', 'c'), act('e', 'n'), conv('d', 'e'), norm('m', 'd'), add('a', 'm', 'e')];
    const network = networkOf(...layers, act('f', 'a'), prelu('p', 'f'));
    expect(fuseLayers(network, heads).map(namesOf)).toEqual(['c n', 'e', 'd m a + e', 'f', 'p']);
    expect(fuseLayers(network, heads, { endsIn: endsInference }).map(namesOf)).toEqual(['c n e', 'd m a f + e', 'p']);
    expect(fuseLayers(network, isBatchNorm, { endsIn: endsTraining }).map(namesOf)).toEqual([
      'c',
      'n e',
      'd',
      'm a + e',
      'f',
      'p',
    ]);

    const slopes = networkOf(conv('c'), prelu('p', 'c'), norm('n', 'p'), prelu('q', 'n'));
    expect(fuseLayers(slopes, heads, { endsIn: endsInference }).map(namesOf)).toEqual(['c p', 'n', 'q']);
    const unit = networkOf(convolution({ name: 'c', adjust: 'output' }), prelu('p', 'c'), act('e', 'p'));
    expect(fuseLayers(unit, heads, { endsIn: endsInference }).map(namesOf)).toEqual(['c', 'p', 'e']);
  });

  it('keeps a second sum apart', () => {
    const layers = [conv('c'), add('a', 'c', 'input'), add('b', 'a', 'input'), relu('r', 'b')];
    expect(groups(...layers)).toEqual(['c a + input', 'b r']);
  });

  it('takes every layer into exactly one group', () => {
    const network = cifarResNet({ depth: 20, ic: false });
    const members = fuseLayers(network, heads).flatMap(({ head, norm, add, relu }) =>
      [head, norm, add, relu].flatMap((layer) => layer?.name ?? []),
    );
    expect(members.sort()).toEqual(network.layers.map(({ name }) => name).sort());
  });
});
