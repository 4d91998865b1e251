import { describe, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import type { Adjust, Network } from '../../src/graph/network.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { plainForm } from '../../src/models/icForm.js';
import { networkByName } from '../../src/models/networkByName.js';
import { cifarResNet, type ImageNetDepth, imageNetResNet } from '../../src/models/resnet.js';
import { toIC } from '../../src/models/toIC.js';
import { expectError } from './errors.js';

/** The names of the convolutions with this recalibration form. */
function convolutionsOf(network: Network, adjust: Adjust): string[] {
  return network.layers.flatMap((layer) =>
    layer.kind === 'convolution' && layer.adjust === adjust ? [layer.name] : [],
  );
}

describe('cifarResNet', () => {
  it.each([8, 14, 20, 32, 44, 56, 110])('has depth %i on its main path', (depth) => {
    const { layers } = cifarResNet({ depth, ic: false });
    const weighted = layers.filter(({ kind, name }) => /convolution|dense/.test(kind) && !name.includes('downsample'));
    expect(weighted).toHaveLength(depth);
  });

  it('halves the image and doubles the channels from stage to stage', () => {
    const shapes = inferShapes(cifarResNet({ depth: 14, ic: true }), 2);
    expect(shapes.get('relu')).toEqual([2, 32, 32, 16]);
    expect(shapes.get('layer1.1.relu2')).toEqual([2, 32, 32, 16]);
    expect(shapes.get('layer2.0.conv1')).toEqual([2, 16, 16, 32]);
    expect(shapes.get('layer3.1.relu2')).toEqual([2, 8, 8, 64]);
    expect(shapes.get('fc')).toEqual([2, 1, 1, 10]);
  });

  it('takes input, width, classes and stem stride', () => {
    const input = { height: 28, width: 20, channels: 1 };
    const network = cifarResNet({ depth: 8, ic: false, input, width: 5, classes: 7, stemStride: 2 });
    const shapes = inferShapes(network, 1);
    expect(network.input).toEqual(input);
    expect(shapes.get('conv1')).toEqual([1, 14, 10, 5]);
    expect(shapes.get('layer3.0.relu2')).toEqual([1, 4, 3, 20]);
    expect(shapes.get('fc')).toEqual([1, 1, 1, 7]);
  });

  it('projects the shortcut where the shape changes, and there alone', () => {
    const shortcuts = convolutionsOf(cifarResNet({ depth: 20, ic: false }), 'none').filter((name) =>
      /downsample/.test(name),
    );
    expect(shortcuts).toEqual(['layer2.0.downsample.0', 'layer3.0.downsample.0']);
  });

  it('adds the shortcut to the last batch norm of a block', () => {
    const { layers } = cifarResNet({ depth: 14, ic: false });
    const sums = layers.flatMap(({ kind, inputs }) => (kind === 'add' ? [inputs] : []));
    expect(sums).toEqual([
      ['layer1.0.bn2', 'relu'],
      ['layer1.1.bn2', 'layer1.0.relu2'],
      ['layer2.0.bn2', 'layer2.0.downsample.1'],
      ['layer2.1.bn2', 'layer2.0.relu2'],
      ['layer3.0.bn2', 'layer3.0.downsample.1'],
      ['layer3.1.bn2', 'layer3.0.relu2'],
    ]);
  });

  it.each([0, 2, 9, 18, 20.5, -4, Number.NaN])('refuses a depth of %s', (depth) => {
    const named = { operation: 'cifarResNet', parameter: 'depth', got: String(depth) };
    expectError(() => cifarResNet({ depth, ic: false }), ShapeError, named);
  });

  it.each([
    ['conv1.outChannels', { width: 0 }],
    ['conv1.stride', { stemStride: 0 }],
    ['fc.outFeatures', { classes: 1.5 }],
    ['input.height', { input: { height: 0, width: 32, channels: 3 } }],
  ] as const)('refuses a wrong %s', (parameter, options) => {
    expectError(() => cifarResNet({ depth: 8, ic: true, ...options }), ShapeError, { parameter });
  });
});

describe('imageNetResNet', () => {
  it.each([18, 34, 50, 101, 152] as const)('has depth %i on its main path', (depth) => {
    const { layers } = imageNetResNet({ depth, ic: true });
    const weighted = layers.filter(({ kind, name }) => /convolution|dense/.test(kind) && !name.includes('downsample'));
    expect(weighted).toHaveLength(depth);
  });

  it('shapes basic blocks as torchvision does', () => {
    const shapes = inferShapes(imageNetResNet({ depth: 18, ic: false }), 1);
    expect(shapes.get('conv1')).toEqual([1, 112, 112, 64]);
    expect(shapes.get('maxpool')).toEqual([1, 56, 56, 64]);
    expect(shapes.has('layer1.0.downsample.0')).toBe(false);
    expect(shapes.get('layer2.0.conv1')).toEqual([1, 28, 28, 128]);
    expect(shapes.get('layer4.1.relu2')).toEqual([1, 7, 7, 512]);
    expect(shapes.get('fc')).toEqual([1, 1, 1, 1000]);
  });

  it('shapes bottlenecks as torchvision does, the stride on the 3x3', () => {
    const shapes = inferShapes(imageNetResNet({ depth: 50, ic: true }), 1);
    expect(shapes.get('layer1.0.downsample.0')).toEqual([1, 56, 56, 256]);
    expect(shapes.get('layer2.0.conv1')).toEqual([1, 56, 56, 128]);
    expect(shapes.get('layer2.0.conv2')).toEqual([1, 28, 28, 128]);
    expect(shapes.get('layer2.0.conv3')).toEqual([1, 28, 28, 512]);
    expect(shapes.get('layer4.2.relu3')).toEqual([1, 7, 7, 2048]);
  });

  it('takes input and classes', () => {
    const network = imageNetResNet({ depth: 18, ic: true, classes: 12, input: { height: 64, width: 96, channels: 1 } });
    const shapes = inferShapes(network, 2);
    expect(shapes.get('layer4.1.relu2')).toEqual([2, 2, 3, 512]);
    expect(shapes.get('fc')).toEqual([2, 1, 1, 12]);
  });

  it.each([20, 0, Number.NaN])('refuses a depth of %s', (depth) => {
    const named = { operation: 'imageNetResNet', parameter: 'depth', got: String(depth) };
    expectError(() => imageNetResNet({ depth: depth as ImageNetDepth, ic: false }), ShapeError, named);
  });
});

describe('IC forms', () => {
  it('make the convolutions of the blocks IC, stem and shortcuts plain', () => {
    const network = cifarResNet({ depth: 8, ic: true });
    expect(convolutionsOf(network, 'none')).toEqual(['conv1', 'layer2.0.downsample.0', 'layer3.0.downsample.0']);
    expect(convolutionsOf(network, 'output')).toHaveLength(6);
  });

  it('make every convolution IC where asked', () => {
    const network = imageNetResNet({ depth: 50, ic: true, icConvolutions: 'all' });
    expect(convolutionsOf(network, 'none')).toEqual([]);
    expect(convolutionsOf(network, 'output')).toHaveLength(53);
  });

  it('take the recalibration form', () => {
    const network = cifarResNet({ depth: 8, ic: true, adjust: 'input' });
    expect(convolutionsOf(network, 'input')).toHaveLength(6);
    expect(convolutionsOf(network, 'output')).toEqual([]);
  });

  it('are the plain network but for the recalibration', () => {
    const plain = networkByName('resnet34');
    const ic = networkByName('ic-resnet34');
    const layers = ic.layers.map((layer) => (layer.kind === 'convolution' ? { ...layer, adjust: 'none' } : layer));
    expect(layers).toEqual(plain.layers);
  });
});

describe('toIC', () => {
  it('replaces every plain convolution, keeps names and leaves its argument alone', () => {
    const plain = cifarResNet({ depth: 8, ic: false });
    const before = structuredClone(plain);
    const ic = toIC(plain);
    expect(convolutionsOf(ic, 'output')).toEqual(convolutionsOf(plain, 'none'));
    expect(ic.layers.map(({ name }) => name)).toEqual(plain.layers.map(({ name }) => name));
    expect(ic.name).toBe(plain.name);
    expect(plain).toEqual(before);
  });

  it('replaces only the convolutions asked for, in the form asked for', () => {
    const plain = cifarResNet({ depth: 8, ic: false });
    const ic = toIC(plain, { adjust: 'input', convolutions: ({ kernel }) => kernel[0] === 1 });
    expect(convolutionsOf(ic, 'input')).toEqual(['layer2.0.downsample.0', 'layer3.0.downsample.0']);
    expect(convolutionsOf(ic, 'output')).toEqual([]);
  });

  it('leaves dense layers plain unless asked for, and adds offsets where asked for', () => {
    const plain = cifarResNet({ depth: 8, ic: false });
    const ic = toIC(plain, { adjust: 'input', offset: true, dense: ({ name }) => name === 'fc' });
    expect(toIC(plain).layers.at(-1)).toEqual(plain.layers.at(-1));
    expect(ic.layers.at(-1)).toEqual({ ...plain.layers.at(-1), adjust: 'output', offset: true });
    expect(convolutionsOf(ic, 'input')).toEqual(convolutionsOf(plain, 'none'));
    expect(ic.layers.every((layer) => layer.kind !== 'convolution' || layer.offset)).toBe(true);
    expect(plainForm(ic)).toEqual(plain);
  });

  it('makes networks with offsets by an option, in the convolutions that are IC', () => {
    const { layers } = networkByName('ic-resnet8', { offset: true });
    const offsets = layers.filter((layer) => 'offset' in layer).map(({ name }) => name);
    expect(offsets).toEqual(convolutionsOf(networkByName('ic-resnet8'), 'output'));
    expect(networkByName('resnet8', { offset: true })).toEqual(networkByName('resnet8'));
  });

  it('leaves IC convolutions as they are', () => {
    const ic = cifarResNet({ depth: 8, ic: true, adjust: 'input' });
    const all = toIC(ic);
    expect(convolutionsOf(all, 'input')).toEqual(convolutionsOf(ic, 'input'));
    expect(convolutionsOf(all, 'output')).toEqual(convolutionsOf(ic, 'none'));
  });
});

describe('networkByName', () => {
  it.each([
    'resnet8',
    'ic-resnet20',
    'resnet110',
    'cifar-resnet50',
    'cifar-ic-resnet152',
  ])('finds %s in the CIFAR form', (name) => {
    const network = networkByName(name);
    expect(network.name).toBe(name);
    expect(network.input).toEqual({ height: 32, width: 32, channels: 3 });
    expect(convolutionsOf(network, 'output').length > 0).toBe(name.includes('ic-'));
  });

  it.each([
    'resnet18',
    'ic-resnet34',
    'resnet50',
    'ic-resnet101',
    'resnet152',
  ])('finds %s in the ImageNet form', (name) => {
    const network = networkByName(name);
    expect(network.name).toBe(name);
    expect(network.input).toEqual({ height: 224, width: 224, channels: 3 });
    expect(convolutionsOf(network, 'output').length > 0).toBe(name.includes('ic-'));
  });

  it('takes the name of the form a depth has anyway', () => {
    expect(networkByName('cifar-ic-resnet20')).toEqual(networkByName('ic-resnet20'));
    expect(networkByName('imagenet-ic-resnet50')).toEqual(networkByName('ic-resnet50'));
  });

  it('passes options on', () => {
    const cifar = networkByName('ic-resnet8', { width: 8, classes: 3, adjust: 'input', stemStride: 2 });
    expect(cifar).toEqual(cifarResNet({ depth: 8, ic: true, width: 8, classes: 3, adjust: 'input', stemStride: 2 }));
    const imageNet = networkByName('ic-resnet18', { classes: 3, icConvolutions: 'all' });
    expect(imageNet).toEqual(imageNetResNet({ depth: 18, ic: true, classes: 3, icConvolutions: 'all' }));
  });

  it.each([
    'resnet',
    'resnet2',
    'resnet21',
    'resnet020',
    'ic resnet20',
    'resnet20-ic',
    'cifar-resnet18',
    'imagenet-resnet20',
    'vgg15',
    'ic-',
    'toString',
    'cifar-vgg16',
    'ic-ic-vgg16',
    '',
  ])('refuses %j and says what is known, in short', (name) => {
    expectError(() => networkByName(name), UnsupportedError, { operation: 'networkByName', parameter: 'name' });
    expect(() => networkByName(name)).toThrow(`, got ${name}`);
    expect(() => networkByName(name)).toThrow(/resnet20, resnet50, vgg16-bn, mobilenet-v2, densenet121, .* ic- ahead/);
    expect(() => networkByName(name)).toThrow(/^.{0,220}$/);
  });

  it.each([
    ['ResNet20', 'resnet20'],
    ['icresnet20', 'ic-resnet20'],
    ['IC_ResNet50D', 'ic-resnet50d'],
    ['CIFAR-ICResNet50', 'cifar-ic-resnet50'],
    ['wide_resnet50_2', 'wide-resnet50-2'],
    ['ICResNeXt50_32x4d', 'ic-resnext50-32x4d'],
    ['VGG16BN', 'vgg16-bn'],
    ['shufflenet_v2_x0_5', 'shufflenet-v2-x0-5'],
    ['IC_MobileNetV3_Large', 'ic-mobilenet-v3-large'],
    ['SEResNet50', 'seresnet50'],
  ])('takes %s for %s', (given, name) => {
    expect(networkByName(given)).toEqual(networkByName(name));
  });

  it.each([
    ['restnet20', 'resnet20'],
    ['resent50', 'resnet50'],
    ['resnet51', 'resnet50'],
    ['ic-mobilnet-v2', 'ic-mobilenet-v2'],
    ['densnet-121', 'densenet121'],
    ['wide-resnet50', 'wide-resnet50-2'],
    ['mobilenet_v3', 'mobilenet-v3-small'],
    ['ic-shufflenet', 'ic-shufflenet-v2-x0-5'],
    ['efficientnet', 'efficientnet-b0'],
    ['regnet_x', 'regnet-x-400mf'],
  ])('for %s suggests %s', (given, name) => {
    expect(() => networkByName(given)).toThrow(new RegExp(`, got ${given} \\(did you mean ${name}\\?\\)$`));
  });

  it.each(['alexnet', 'x', ''])('suggests nothing for %j', (given) => {
    expect(() => networkByName(given)).not.toThrow('did you mean');
  });

  it.each(['width', 'stemStride'] as const)('refuses %s for the ImageNet form', (parameter) => {
    const named = { operation: 'networkByName', parameter, got: '2' };
    expectError(() => networkByName('resnet50', { [parameter]: 2 }), UnsupportedError, named);
  });
});
