import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import type { BatchNormLayer, Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { type DenseNetDepth, denseNet } from '../../src/models/denseNet.js';
import { mnasNet } from '../../src/models/mnasNet.js';
import { mobileNetV2 } from '../../src/models/mobileNet.js';
import { mobileNetV3 } from '../../src/models/mobileNetV3.js';
import { networkByName } from '../../src/models/networkByName.js';
import { regNet } from '../../src/models/regNet.js';
import { imageNetResNet } from '../../src/models/resnet.js';
import { shuffleNetV2 } from '../../src/models/shuffleNetV2.js';
import { squeezeNet } from '../../src/models/squeezeNet.js';
import { summarise } from '../../src/models/summary.js';
import { type VggDepth, vgg } from '../../src/models/vgg.js';
import { torchvisionStates } from '../golden/families.js';
import { expectError } from './errors.js';

/** Parameters as torchvision (SE-ResNet-50: timm) publishes them, and multiply-adds of a 224x224 image in units of 10^9. */
const published: readonly (readonly [name: string, parameters: number, multiplyAdds: number])[] = [
  ['vgg11', 132_863_336, 7.609],
  ['vgg13', 133_047_848, 11.308],
  ['vgg16', 138_357_544, 15.47],
  ['vgg19', 143_667_240, 19.632],
  ['vgg11-bn', 132_868_840, 7.609],
  ['vgg13-bn', 133_053_736, 11.308],
  ['vgg16-bn', 138_365_992, 15.47],
  ['vgg19-bn', 143_678_248, 19.632],
  ['resnext50-32x4d', 25_028_904, 4.23],
  ['resnext101-32x8d', 88_791_336, 16.414],
  ['resnext101-64x4d', 83_455_272, 15.46],
  ['wide-resnet50-2', 68_883_240, 11.398],
  ['wide-resnet101-2', 126_886_696, 22.753],
  ['seresnet50', 28_088_024, 4.092],
  ['googlenet', 6_624_904, 1.498],
  ['squeezenet1-0', 1_248_424, 0.819],
  ['squeezenet1-1', 1_235_496, 0.349],
  ['mobilenet-v2', 3_504_872, 0.301],
  ['mobilenet-v3-small', 2_542_856, 0.057],
  ['mobilenet-v3-large', 5_483_032, 0.217],
  ['mnasnet0-5', 2_218_512, 0.104],
  ['mnasnet0-75', 3_170_208, 0.215],
  ['mnasnet1-0', 4_383_312, 0.314],
  ['mnasnet1-3', 6_282_256, 0.526],
  ['shufflenet-v2-x0-5', 1_366_792, 0.04],
  ['shufflenet-v2-x1-0', 2_278_604, 0.145],
  ['shufflenet-v2-x1-5', 3_503_624, 0.296],
  ['shufflenet-v2-x2-0', 7_393_996, 0.583],
  ['regnet-x-400mf', 5_495_976, 0.414],
  ['regnet-y-400mf', 4_344_144, 0.402],
  ['efficientnet-b0', 5_288_548, 0.386],
  ['densenet121', 7_978_856, 2.834],
  ['densenet161', 28_681_000, 7.728],
  ['densenet169', 14_149_480, 3.36],
  ['densenet201', 20_013_928, 4.291],
];

const convolutions = ({ layers }: Network, ic: boolean): string[] =>
  layers.flatMap((layer) => (layer.kind === 'convolution' && (layer.adjust !== 'none') === ic ? [layer.name] : []));

/** Whether a convolution is of a squeeze-and-excitation. */
const isOfExcitation = (name: string): boolean => /\.fc[12]$/.test(name);

describe.each(published)('%s', (name, parameters, multiplyAdds) => {
  it('has the published numbers of parameters and multiply-adds', () => {
    const counted = summarise(networkByName(name));
    expect(counted.name).toBe(name);
    expect(counted.parameters).toBe(parameters);
    expect(Math.round(counted.multiplyAdds / 1e6) / 1000).toBe(multiplyAdds);
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
    expect(convolutions(network, false).filter((layer) => !isOfExcitation(layer))).toEqual([]);
    for (const layer of network.layers) {
      if (layer.kind !== 'convolution') continue;
      expect(layer.adjust).toBe(isOfExcitation(layer.name) ? 'none' : 'input');
    }
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

describe('the convolutions that are plain in an IC network, but for those of squeeze-and-excitation', () => {
  it.each([
    ['vgg16-bn', ['features.0']],
    ['mobilenet-v2', ['features.0.0', 'features.18.0']],
    ['mobilenet-v3-small', ['features.0.0', 'features.12.0']],
    ['mobilenet-v3-large', ['features.0.0', 'features.16.0']],
    ['efficientnet-b0', ['features.0.0', 'features.8.0']],
    ['mnasnet1-0', ['layers.0', 'layers.3', 'layers.6', 'layers.14']],
    ['shufflenet-v2-x1-0', ['conv1.0', 'conv5.0']],
    ['regnet-x-400mf', ['stem.0', ...[1, 2, 3, 4].map((at) => `trunk_output.block${at}.block${at}-0.proj.0`)]],
    ['regnet-y-400mf', ['stem.0', ...[1, 2, 3, 4].map((at) => `trunk_output.block${at}.block${at}-0.proj.0`)]],
    ['googlenet', ['conv1.conv', 'conv2.conv', 'conv3.conv']],
    ['squeezenet1-1', ['features.0', 'classifier.1']],
    ['densenet121', ['features.conv0', ...[1, 2, 3].map((at) => `features.transition${at}.conv`)]],
    ['resnext50-32x4d', ['conv1', ...[1, 2, 3, 4].map((stage) => `layer${stage}.0.downsample.0`)]],
    ['seresnet50', ['conv1', ...[1, 2, 3, 4].map((stage) => `layer${stage}.0.downsample.0`)]],
    ['wide-resnet50-2', ['conv1', ...[1, 2, 3, 4].map((stage) => `layer${stage}.0.downsample.0`)]],
  ])('%s', (name, expected) => {
    const plain = convolutions(networkByName(`ic-${name}`), false).filter((layer) => !isOfExcitation(layer));
    expect(plain.sort()).toEqual([...expected].sort());
  });

  it('there are two in each block of such networks', () => {
    const count = (name: string): number =>
      convolutions(networkByName(`ic-${name}`), false).filter(isOfExcitation).length;
    const names = ['seresnet50', 'mobilenet-v3-small', 'mobilenet-v3-large', 'efficientnet-b0', 'regnet-y-400mf'];
    expect(names.map(count)).toEqual([2 * 16, 2 * 9, 2 * 8, 2 * 16, 2 * 16]);
  });
});

type MapSize = readonly [height: number, width: number, channels: number];

/** As torchvision's have them: the last map of images of 224x224, 97x65 and 40x50. */
const lastMaps: readonly (readonly [name: string, layer: string, MapSize, MapSize, MapSize])[] = [
  ['seresnet50', 'layer4.2.relu3', [7, 7, 2048], [4, 3, 2048], [2, 2, 2048]],
  ['mobilenet-v3-small', 'features.12.2', [7, 7, 576], [4, 3, 576], [2, 2, 576]],
  ['mobilenet-v3-large', 'features.16.2', [7, 7, 960], [4, 3, 960], [2, 2, 960]],
  ['efficientnet-b0', 'features.8.2', [7, 7, 1280], [4, 3, 1280], [2, 2, 1280]],
  ['mnasnet1-0', 'layers.16', [7, 7, 1280], [4, 3, 1280], [2, 2, 1280]],
  ['shufflenet-v2-x2-0', 'conv5.2', [7, 7, 2048], [4, 3, 2048], [2, 2, 2048]],
  ['regnet-x-400mf', 'trunk_output.block4.block4-11.activation', [7, 7, 400], [4, 3, 400], [2, 2, 400]],
  ['regnet-y-400mf', 'trunk_output.block4.block4-5.activation', [7, 7, 440], [4, 3, 440], [2, 2, 440]],
  // Whose pools have windows that reach beyond the image.
  ['googlenet', 'inception5b.concat', [7, 7, 1024], [3, 2, 1024], [1, 2, 1024]],
  ['squeezenet1-0', 'classifier.2', [13, 13, 1000], [5, 3, 1000], [2, 2, 1000]],
  ['squeezenet1-1', 'classifier.2', [13, 13, 1000], [6, 4, 1000], [2, 3, 1000]],
];

it.each(lastMaps)('%s halves images as torchvision’s does', (name, layer, large, odd, small) => {
  const mapOf = (height: number, width: number) =>
    inferShapes(networkByName(name, { input: { height, width, channels: 3 } }), 3).get(layer);
  expect(mapOf(224, 224)).toEqual([3, ...large]);
  expect(mapOf(97, 65)).toEqual([3, ...odd]);
  expect(mapOf(40, 50)).toEqual([3, ...small]);
});

describe('what the new families refuse', () => {
  const wrong = <T>(value: unknown): T => value as T;
  it.each([
    ['mobileNetV3', 'size', 'medium', () => mobileNetV3({ size: wrong('medium'), ic: false })],
    ['regNet', 'variant', 'z-400mf', () => regNet({ variant: wrong('z-400mf'), ic: false })],
    ['shuffleNetV2', 'width', '3', () => shuffleNetV2({ width: wrong(3), ic: false })],
    ['squeezeNet', 'version', '1.2', () => squeezeNet({ version: wrong('1.2'), ic: false })],
    ['mnasNet', 'widthMultiplier', '0', () => mnasNet({ widthMultiplier: 0, ic: false })],
    ['mnasNet', 'widthMultiplier', 'NaN', () => mnasNet({ widthMultiplier: Number.NaN, ic: false })],
  ])('%s: %s %s', (operation, parameter, got, make) => {
    expectError(make, ShapeError, { operation, parameter, got });
  });

  it('images that shrink to nothing', () => {
    const input = { height: 6, width: 64, channels: 3 };
    expect(() => networkByName('squeezenet1-0', { input })).toThrow(ShapeError);
  });
});

describe('what batch norms of torchvision add and remember', () => {
  it.each([
    ['efficientnet-b0', 1e-5, 0.1],
    ['mobilenet-v3-large', 1e-3, 0.01],
    ['googlenet', 1e-3, 0.1],
    ['mnasnet0-75', 1e-5, 3e-4],
    ['regnet-y-400mf', 1e-5, 0.1],
    ['shufflenet-v2-x1-0', 1e-5, 0.1],
  ])('%s', (name, epsilon, momentum) => {
    const norms = networkByName(name).layers.filter(({ kind }) => kind === 'batchNorm') as BatchNormLayer[];
    expect(norms.length).toBeGreaterThan(30);
    for (const norm of norms) {
      expect(norm.epsilon).toBe(epsilon);
      expect(norm.momentum).toBeCloseTo(momentum, 12);
    }
  });
});

describe('shuffleNetV2', () => {
  it('passes half of the channels by, and shuffles both halves', () => {
    const block = shuffleNetV2({ ic: false }).layers.filter(({ name }) => name.startsWith('stage2.1.'));
    expect(block.slice(0, 2)).toMatchObject([
      { kind: 'slice', start: 0, channels: 58 },
      { kind: 'slice', start: 58, channels: 58 },
    ]);
    expect(block.at(-2)).toMatchObject({ kind: 'concat', inputs: ['stage2.1.kept', 'stage2.1.branch2.7'] });
    expect(block.at(-1)).toMatchObject({ kind: 'shuffle', groups: 2 });
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
