import { ShapeError } from '../errors.js';
import type { Layer, Network } from '../graph/network.js';
import { requireInteger } from '../ops/windows.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import {
  activation,
  add,
  batchNorm,
  convolution,
  dense,
  globalMean,
  nameOfLast,
  pool,
  relu,
  type Step,
} from './layers.js';
import { squeezeExcitation } from './squeezeExcitation.js';
import { inEights } from './widths.js';

/** What the CIFAR form can be told besides. */
export interface CifarOptions extends NetworkOptions {
  /** Channels of the stem and the first stage, 16 unless told; doubled for each of the next two stages. */
  readonly width?: number;
  /** Channels of each stage, where they are not doubled; the stem has as many as the first one. */
  readonly widths?: readonly [number, number, number];
  /** Whether a squeeze-and-excitation recalibrates what each block adds; not where left out. */
  readonly squeezeExcitation?: boolean;
  /** Stride of the stem, 1 unless told. */
  readonly stemStride?: number;
}

export interface CifarResNetOptions extends CifarOptions {
  /** Layers with weights on the main path: 6n + 2 for n blocks a stage. */
  readonly depth: number;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

export interface ImageNetResNetOptions extends NetworkOptions {
  /** Layers with weights on the main path. */
  readonly depth: ImageNetDepth;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
  /** Groups of the 3x3 convolution of a bottleneck, 1 unless told; 32 and more make a ResNeXt. */
  readonly groups?: number;
  /** Channels of a group in the first stage, 64 unless told; 128 in one group make a Wide ResNet. */
  readonly widthPerGroup?: number;
  /**
   * `d` (He et al., 2018, timm's `resnet50d` and its like) has three 3x3 convolutions for a stem, and in its shortcuts a mean of
   * 2x2 ahead of the 1x1 convolution in place of its stride. The sides of the input must be multiples of 32.
   */
  readonly variant?: 'd';
  /**
   * Whether a squeeze-and-excitation recalibrates what each block adds (Hu et al., 2018), as in timm's `seresnet50`; not where
   * left out.
   */
  readonly squeezeExcitation?: boolean;
}

/** Layers with parameters of a ResNet in ImageNet form. */
export type ImageNetDepth = 18 | 34 | 50 | 101 | 152;

/** Two 3x3 convolutions, or a 3x3 between two of 1x1. */
type BlockKind = 'basic' | 'bottleneck';

/** How the blocks of a network are made. */
interface BlockForm {
  readonly kind: BlockKind;
  /** Of the 3x3 convolution of a bottleneck. */
  readonly groups: number;
  /** Its channels in a group, for a stage of 64. */
  readonly widthPerGroup: number;
  /** Shortcuts take the mean of 2x2 pixels in place of every other one. */
  readonly pooledShortcuts?: boolean;
  /** Blocks end in a squeeze-and-excitation. */
  readonly squeezeExcitation?: boolean;
}

/** What one ResNet of the ImageNet form differs from another in. */
export interface ResidualForm extends BlockForm {
  readonly name: string;
  /** Channels of the stem and the first stage. */
  readonly width: number;
  /** Of every stage. */
  readonly blocks: readonly number[];
  /** Three convolutions of 3x3 for a stem in place of one of 7x7. */
  readonly deepStem?: boolean;
}

interface Stage {
  readonly blocks: number;
  readonly width: number;
  /** Of the stage's first block; the others have stride 1. */
  readonly stride: number;
}

/** Channels of a block for every one between the convolutions of its squeeze-and-excitation. */
const excitationRatio = 16;

const basicBlocks: BlockForm = { kind: 'basic', groups: 1, widthPerGroup: 64 };

const imageNetForms: Readonly<Record<ImageNetDepth, { kind: BlockKind; blocks: readonly number[] }>> = {
  18: { kind: 'basic', blocks: [2, 2, 2, 2] },
  34: { kind: 'basic', blocks: [3, 4, 6, 3] },
  50: { kind: 'bottleneck', blocks: [3, 4, 6, 3] },
  101: { kind: 'bottleneck', blocks: [3, 4, 23, 3] },
  152: { kind: 'bottleneck', blocks: [3, 8, 36, 3] },
};

/**
 * The ResNet for small images (32x32x3 and 10 classes unless told): a 3x3 stem, three stages of n basic blocks at
 * `width`, 2 `width` and 4 `width` channels with projection shortcuts, global mean, one dense layer.
 *
 * @throws ShapeError where the depth is not 6n + 2, or a size does not make a network (named by the layer it reaches)
 */
export function cifarResNet(options: CifarResNetOptions): Network {
  const { depth, width: first = 16, stemStride = 1, classes = 10, squeezeExcitation = false } = options;
  const widths = options.widths ?? [first, 2 * first, 4 * first];
  const [width] = widths;
  if (!isCifarDepth(depth)) {
    throw new ShapeError({
      operation: 'cifarResNet',
      parameter: 'depth',
      expected: '6n + 2 with a positive integer n',
      got: String(depth),
    });
  }
  const blocks = (depth - 2) / 6;
  const stem: Layer[] = [
    convolution('conv1', 'input', { outChannels: width, kernel: 3, stride: stemStride }),
    batchNorm('bn1', 'conv1'),
    relu('relu', 'bn1'),
  ];
  const stages = widths.map((channels, i): Stage => ({ blocks, width: channels, stride: i === 0 ? 1 : 2 }));
  const body = residualStages(nameOfLast(stem), width, stages, { ...basicBlocks, squeezeExcitation });
  return finished(options, {
    // A depth that both forms have belongs to the ImageNet form unless the name says otherwise.
    name: `${isImageNetDepth(depth) ? 'cifar-' : ''}${squeezeExcitation ? 'se' : ''}resnet${depth}`,
    input: options.input ?? { height: 32, width: 32, channels: 3 },
    layers: [...stem, ...body, ...head(nameOfLast(body), classes)],
  });
}

/**
 * The ResNet for large images (224x224x3 and 1000 classes unless told), torchvision's v1.5 with its names: a 7x7 stem of
 * stride 2 with max pool, four stages of basic blocks (18, 34) or bottlenecks (50, 101, 152), whose stride is on the 3x3
 * convolution. `groups` and `widthPerGroup` make a ResNeXt (Xie et al., 2017) or a Wide ResNet (Zagoruyko and Komodakis, 2016)
 * of one with bottlenecks.
 *
 * @throws ShapeError where the depth is another, or a size does not make a network (named by the layer it reaches)
 */
export function imageNetResNet(options: ImageNetResNetOptions): Network {
  const { depth, groups = 1, widthPerGroup = 64, variant, squeezeExcitation = false } = options;
  const place = { operation: 'imageNetResNet', prefix: '' };
  if (!isImageNetDepth(depth)) {
    const expected = Object.keys(imageNetForms).join(', ');
    throw new ShapeError({ operation: place.operation, parameter: 'depth', expected, got: String(depth) });
  }
  requireInteger(groups, 1, 'groups', place);
  requireInteger(widthPerGroup, 1, 'widthPerGroup', place);
  const { kind, blocks } = imageNetForms[depth];
  if (kind === 'basic' && (groups !== 1 || widthPerGroup !== 64)) {
    const expected = `64 in one group with depth ${depth}, whose blocks have no bottleneck`;
    const got = `${widthPerGroup} in ${groups}`;
    throw new ShapeError({ operation: place.operation, parameter: 'widthPerGroup', expected, got });
  }
  const isD = variant === 'd';
  const name = `${squeezeExcitation ? 'se' : ''}${variantName(depth, groups, widthPerGroup)}${isD ? 'd' : ''}`;
  const form = { kind, blocks, width: 64, groups, widthPerGroup, deepStem: isD, pooledShortcuts: isD };
  return residualNetwork({ name, ...form, squeezeExcitation }, options);
}

/** A ResNet of the ImageNet form with any blocks. */
export function residualNetwork(form: ResidualForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const first = form.deepStem
    ? deepStem(form.width)
    : [convolution('conv1', 'input', { outChannels: form.width, kernel: 7, stride: 2 })];
  const stem: Layer[] = [
    ...first,
    batchNorm('bn1', nameOfLast(first)),
    relu('relu', 'bn1'),
    pool('maxPool', 'maxpool', 'relu', { kernel: 3, stride: 2, padding: 1 }),
  ];
  const stages = form.blocks.map(
    (blocks, i): Stage => ({ blocks, width: form.width * 2 ** i, stride: i === 0 ? 1 : 2 }),
  );
  const body = residualStages(nameOfLast(stem), form.width, stages, form);
  const layers = [...stem, ...body, ...head(nameOfLast(body), classes)];
  return finished(options, { name: form.name, input, layers });
}

/** The convolutions of a deep stem, by timm's names. */
function deepStem(width: number): Layer[] {
  const half = { outChannels: Math.floor(width / 2), kernel: 3 };
  return [
    convolution('conv1.0', 'input', { ...half, stride: 2 }),
    batchNorm('conv1.1', 'conv1.0'),
    relu('conv1.2', 'conv1.1'),
    convolution('conv1.3', 'conv1.2', { ...half, stride: 1 }),
    batchNorm('conv1.4', 'conv1.3'),
    relu('conv1.5', 'conv1.4'),
    convolution('conv1.6', 'conv1.5', { outChannels: width, kernel: 3, stride: 1 }),
  ];
}

/** Whether the CIFAR form has networks of a depth. */
export function isCifarDepth(depth: number): boolean {
  return Number.isSafeInteger(depth) && depth >= 8 && (depth - 2) % 6 === 0;
}

/** Whether the ImageNet form has a network of a depth. */
export function isImageNetDepth(depth: number): depth is ImageNetDepth {
  return Object.hasOwn(imageNetForms, depth);
}

/** As torchvision's, such as resnext50-32x4d and wide-resnet50-2. */
function variantName(depth: ImageNetDepth, groups: number, widthPerGroup: number): string {
  if (groups > 1) return `resnext${depth}-${groups}x${widthPerGroup}d`;
  return widthPerGroup === 64 ? `resnet${depth}` : `wide-resnet${depth}-${widthPerGroup / 64}`;
}

function residualStages(input: string, inChannels: number, stages: readonly Stage[], form: BlockForm): Layer[] {
  const layers: Layer[] = [];
  let last = input;
  let channels = inChannels;
  stages.forEach(({ blocks, width, stride }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const steps = blockSteps(form, width, block === 0 ? stride : 1);
      layers.push(...residualBlock(`layer${stage + 1}.${block}`, last, channels, steps, form));
      last = nameOfLast(layers);
      channels = steps.at(-1)!.outChannels;
    }
  });
  return layers;
}

function blockSteps({ kind, groups, widthPerGroup }: BlockForm, width: number, stride: number): Step[] {
  if (kind === 'basic') {
    return [
      { outChannels: width, kernel: 3, stride },
      { outChannels: width, kernel: 3, stride: 1 },
    ];
  }
  const inner = Math.floor((width * widthPerGroup) / 64) * groups;
  return [
    { outChannels: inner, kernel: 1, stride: 1 },
    { outChannels: inner, kernel: 3, stride, groups },
    { outChannels: 4 * width, kernel: 1, stride: 1 },
  ];
}

/** Convolutions with batch norm and, between them, relu; their recalibration; the shortcut; their sum and its relu. */
function residualBlock(
  name: string,
  input: string,
  inChannels: number,
  steps: readonly Step[],
  { pooledShortcuts = false, squeezeExcitation: recalibrated = false }: BlockForm,
): Layer[] {
  const layers: Layer[] = [];
  let last = input;
  steps.forEach((step, i) => {
    if (i > 0) layers.push(relu(`${name}.relu${i}`, last));
    layers.push(convolution(`${name}.conv${i + 1}`, i > 0 ? `${name}.relu${i}` : input, step));
    last = `${name}.bn${i + 1}`;
    layers.push(batchNorm(last, `${name}.conv${i + 1}`));
  });
  if (recalibrated) {
    const channels = steps.at(-1)!.outChannels;
    const form = { squeezed: inEights(channels / excitationRatio), activation: relu, gate: activation('sigmoid') };
    layers.push(...squeezeExcitation(`${name}.se`, last, channels, form));
    last = nameOfLast(layers);
  }
  const shortcut = projection(name, input, inChannels, steps, pooledShortcuts);
  layers.push(
    ...shortcut,
    add(`${name}.add`, last, shortcut.at(-1)?.name ?? input),
    relu(`${name}.relu${steps.length}`, `${name}.add`),
  );
  return layers;
}

/** The 1x1 convolution of a shortcut whose block changes the shape; nothing where the shape stays. */
function projection(
  block: string,
  input: string,
  inChannels: number,
  steps: readonly Step[],
  isPooled: boolean,
): Layer[] {
  const outChannels = steps.at(-1)!.outChannels;
  const stride = steps.reduce((product, step) => product * step.stride, 1);
  if (stride === 1 && outChannels === inChannels) return [];
  const name = `${block}.downsample`;
  if (!isPooled) {
    return [convolution(`${name}.0`, input, { outChannels, kernel: 1, stride }), batchNorm(`${name}.1`, `${name}.0`)];
  }
  // The place of the mean is kept where there is none.
  const means = stride === 1 ? [] : [pool('meanPool', `${name}.0`, input, { kernel: 2, stride })];
  const pooled = means[0]?.name ?? input;
  return [
    ...means,
    convolution(`${name}.1`, pooled, { outChannels, kernel: 1, stride: 1 }),
    batchNorm(`${name}.2`, `${name}.1`),
  ];
}

function head(input: string, classes: number): Layer[] {
  return [globalMean('avgpool', input), dense('fc', 'avgpool', classes)];
}
