import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { type DenseNetDepth, denseNet } from '../../src/models/denseNet.js';
import { mobileNetV2 } from '../../src/models/mobileNet.js';
import { networkByName } from '../../src/models/networkByName.js';
import { imageNetResNet } from '../../src/models/resnet.js';
import { summarise } from '../../src/models/summary.js';
import { type VggDepth, vgg } from '../../src/models/vgg.js';
import { torchvisionStates } from '../golden/families.js';
import { expectError } from './errors.js';

/** Parameters as torchvision publishes them, and multiply-adds of a 224x224 image in units of 10^9. */
const published: readonly (readonly [name: string, parameters: number, multiplyAdds: number])[] = [
  ['vgg11', 132_863_336, 7.61],
  ['vgg13', 133_047_848, 11.31],
  ['vgg16', 138_357_544, 15.47],
  ['vgg19', 143_667_240, 19.63],
  ['vgg11-bn', 132_868_840, 7.61],
  ['vgg13-bn', 133_053_736, 11.31],
  ['vgg16-bn', 138_365_992, 15.47],
  ['vgg19-bn', 143_678_248, 19.63],
  ['resnext50-32x4d', 25_028_904, 4.23],
  ['resnext101-32x8d', 88_791_336, 16.41],
  ['resnext101-64x4d', 83_455_272, 15.46],
  ['wide-resnet50-2', 68_883_240, 11.4],
  ['wide-resnet101-2', 126_886_696, 22.75],
  ['mobilenet-v2', 3_504_872, 0.3],
  ['densenet121', 7_978_856, 2.83],
  ['densenet161', 28_681_000, 7.73],
  ['densenet169', 14_149_480, 3.36],
  ['densenet201', 20_013_928, 4.29],
];

const convolutions = ({ layers }: Network, ic: boolean): string[] =>
  layers.flatMap((layer) => (layer.kind === 'convolution' && (layer.adjust !== 'none') === ic ? [layer.name] : []));

describe.each(published)('%s', (name, parameters, multiplyAdds) => {
  it('has the published numbers of parameters and multiply-adds', () => {
    const counted = summarise(networkByName(name));
    expect(counted.name).toBe(name);
    expect(counted.parameters).toBe(parameters);
    expect(Math.round(counted.multiplyAdds / 1e7) / 100).toBe(multiplyAdds);
  });

  it('is the same network in IC form but for the recalibration, at few parameters more', () => {
    const [plain, ic] = [networkByName(name), networkByName(`ic-${name}`)];
    const layers = ic.layers.map((layer) => (layer.kind === 'convolution' ? { ...layer, adjust: 'none' } : layer));
    expect(ic.name).toBe(`ic-${name}`);
    expect(layers).toEqual(plain.layers);
    const more = summarise(ic).parameters - parameters;
    const filters = ic.layers.flatMap((layer) =>
      layer.kind === 'convolution' && layer.adjust === 'output' ? [layer.outChannels] : [],
    );
    expect(more).toBe(filters.reduce((sum, count) => sum + count, 0));
    expect(more / parameters).toBeLessThan(0.005);
  });

  it('takes classes, input, the form of the unit and where it goes', () => {
    const input = { height: 96, width: 64, channels: 1 };
    const network = networkByName(`ic-${name}`, { classes: 12, input, adjust: 'input', icConvolutions: 'all' });
    expect(network.input).toEqual(input);
    expect(inferShapes(network, 2).get(network.layers.at(-1)!.name)).toEqual([2, 1, 1, 12]);
    expect(convolutions(network, false)).toEqual([]);
    for (const layer of network.layers) if (layer.kind === 'convolution') expect(layer.adjust).toBe('input');
  });

  it.each(['width', 'stemStride'] as const)('has no %s', (parameter) => {
    const named = { operation: 'networkByName', parameter, got: '8' };
    expectError(() => networkByName(name, { [parameter]: 8 }), UnsupportedError, named);
  });
});

it.each(Object.keys(torchvisionStates))('%s has every entry of torchvision’s state in its order and shape', (name) => {
  const network = networkByName(name.replaceAll('_', '-'));
  expect(networkParameters(network).map((spec) => [spec.name, spec.shape])).toEqual(torchvisionStates[name]);
});

describe('the convolutions that are plain in an IC network', () => {
  it.each([
    ['vgg16-bn', ['features.0']],
    ['mobilenet-v2', ['features.0.0', 'features.18.0']],
    [
      'densenet121',
      ['features.conv0', 1, 2, 3].map((at) => (at === 'features.conv0' ? at : `features.transition${at}.conv`)),
    ],
    ['resnext50-32x4d', ['conv1', ...[1, 2, 3, 4].map((stage) => `layer${stage}.0.downsample.0`)]],
    ['wide-resnet50-2', ['conv1', ...[1, 2, 3, 4].map((stage) => `layer${stage}.0.downsample.0`)]],
  ])('%s', (name, expected) => {
    expect(convolutions(networkByName(`ic-${name}`), false).sort()).toEqual([...expected].sort());
  });
});

describe('vgg', () => {
  const shapesOf = (size: number) =>
    inferShapes(vgg({ depth: 11, batchNorm: false, ic: false, input: { height: size, width: size, channels: 3 } }), 1);

  it('averages a map of several times 7x7 to 7x7', () => {
    expect(shapesOf(448).get('features.20')).toEqual([1, 14, 14, 512]);
    expect(shapesOf(448).get('avgpool')).toEqual([1, 7, 7, 512]);
  });

  it('takes any other map as it is', () => {
    expect(shapesOf(224).has('avgpool')).toBe(false);
    expect(shapesOf(32).has('avgpool')).toBe(false);
    const network = vgg({ depth: 11, batchNorm: false, ic: false, input: { height: 64, width: 96, channels: 3 } });
    const weight = networkParameters(network).find(({ name }) => name === 'classifier.0.weight');
    expect(weight!.shape).toEqual([4096, 2 * 3 * 512]);
  });

  it.each([12, Number.NaN])('refuses a depth of %s', (depth) => {
    const named = { operation: 'vgg', parameter: 'depth', got: String(depth) };
    expectError(() => vgg({ depth: depth as VggDepth, batchNorm: true, ic: false }), ShapeError, named);
  });

  it('refuses images that it shrinks to nothing', () => {
    const options = { depth: 16, batchNorm: true, ic: false, input: { height: 31, width: 224, channels: 3 } } as const;
    expect(() => vgg(options)).toThrow(ShapeError);
  });
});

describe('mobileNetV2', () => {
  it('multiplies its width in multiples of 8 as torchvision does', () => {
    const shapes = inferShapes(mobileNetV2({ ic: false, widthMultiplier: 0.35 }), 1);
    const channels = (name: string) => shapes.get(name)![3];
    const widths = [
      'features.0.0',
      'features.1.conv.1',
      'features.2.conv.2',
      'features.11.conv.2',
      'features.17.conv.2',
    ];
    expect(widths.map(channels)).toEqual([16, 8, 8, 32, 112]);
    expect(channels('features.18.0')).toBe(1280);
    const wide = inferShapes(mobileNetV2({ ic: false, widthMultiplier: 1.4 }), 1);
    expect(wide.get('features.18.0')![3]).toBe(1792);
    expect(mobileNetV2({ ic: true, widthMultiplier: 1.4 }).name).toBe('ic-mobilenet-v2-1.4');
  });

  it('adds the input of a block where shape and stride allow it', () => {
    const { layers } = mobileNetV2({ ic: false });
    const sums = layers.flatMap(({ kind, name }) => (kind === 'add' ? [name] : []));
    expect(sums).toEqual([3, 5, 6, 8, 9, 10, 12, 13, 15, 16].map((block) => `features.${block}.add`));
  });

  it.each([0, -1, Infinity, Number.NaN])('refuses a multiplier of %s', (widthMultiplier) => {
    const named = { operation: 'mobileNetV2', parameter: 'widthMultiplier', got: String(widthMultiplier) };
    expectError(() => mobileNetV2({ ic: false, widthMultiplier }), ShapeError, named);
  });
});

describe('denseNet', () => {
  it('grows within a block and halves between blocks', () => {
    const shapes = inferShapes(denseNet({ depth: 121, ic: false }), 1);
    expect(shapes.get('features.denseblock1.denselayer1.concat')).toEqual([1, 56, 56, 96]);
    expect(shapes.get('features.denseblock1.denselayer6.concat')).toEqual([1, 56, 56, 256]);
    expect(shapes.get('features.transition1.pool')).toEqual([1, 28, 28, 128]);
    expect(shapes.get('features.denseblock4.denselayer16.concat')).toEqual([1, 7, 7, 1024]);
  });

  it.each([120, Number.NaN])('refuses a depth of %s', (depth) => {
    const named = { operation: 'denseNet', parameter: 'depth', got: String(depth) };
    expectError(() => denseNet({ depth: depth as DenseNetDepth, ic: false }), ShapeError, named);
  });
});

describe('imageNetResNet in groups', () => {
  it('is named after its groups and their width', () => {
    expect(imageNetResNet({ depth: 101, ic: true, groups: 16, widthPerGroup: 2 }).name).toBe('ic-resnext101-16x2d');
    expect(imageNetResNet({ depth: 50, ic: false, widthPerGroup: 96 }).name).toBe('wide-resnet50-1.5');
  });

  it.each([
    ['groups', { groups: 0 }],
    ['groups', { groups: 1.5 }],
    ['widthPerGroup', { widthPerGroup: 0 }],
  ] as const)('refuses a wrong %s', (parameter, options) => {
    expectError(() => imageNetResNet({ depth: 50, ic: false, ...options }), ShapeError, { parameter });
  });

  it('needs bottlenecks', () => {
    const named = { operation: 'imageNetResNet', parameter: 'widthPerGroup', got: '4 in 32' };
    expectError(() => imageNetResNet({ depth: 34, ic: false, groups: 32, widthPerGroup: 4 }), ShapeError, named);
  });
});
