import { ShapeError, UnsupportedError } from '../errors.js';
import type {
  BatchNormLayer,
  ConvolutionLayer,
  DenseLayer,
  Layer,
  Network,
  Pair,
  PoolLayer,
  ReluLayer,
} from '../graph/network.js';
import { inferShapes } from '../graph/shapes.js';
import { type ICAdjust, toIC } from './toIC.js';

/** What the ResNets of either form can be told. */
export interface ResNetOptions {
  /** Height, width and channels of one image. */
  readonly input?: Network['input'];
  readonly classes?: number;
  /** The recalibration form of the IC convolutions, `output` unless told; of no effect on a plain network. */
  readonly adjust?: ICAdjust;
  /**
   * Which convolutions of an IC network are IC: those of the residual blocks, with stem and shortcuts plain (unless
   * told), or `all`. Of no effect on a plain network.
   */
  readonly icConvolutions?: 'blocks' | 'all';
}

/** What the CIFAR form can be told besides. */
export interface CifarOptions extends ResNetOptions {
  /** Channels of the stem and the first stage, 16 unless told; doubled for each of the next two stages. */
  readonly width?: number;
  /** Stride of the stem, 1 unless told. */
  readonly stemStride?: number;
}

export interface CifarResNetOptions extends CifarOptions {
  /** Layers with weights on the main path: 6n + 2 for n blocks a stage. */
  readonly depth: number;
  readonly ic: boolean;
}

export interface ImageNetResNetOptions extends ResNetOptions {
  readonly depth: ImageNetDepth;
  readonly ic: boolean;
}

export type ImageNetDepth = 18 | 34 | 50 | 101 | 152;

/** Two 3x3 convolutions, or a 3x3 between two of 1x1. */
type BlockKind = 'basic' | 'bottleneck';

interface Stage {
  readonly blocks: number;
  readonly width: number;
  /** Of the stage's first block; the others have stride 1. */
  readonly stride: number;
}

/** A convolution of a residual block. */
interface Step {
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
}

const imageNetForms: Readonly<Record<ImageNetDepth, { block: BlockKind; blocks: readonly number[] }>> = {
  18: { block: 'basic', blocks: [2, 2, 2, 2] },
  34: { block: 'basic', blocks: [3, 4, 6, 3] },
  50: { block: 'bottleneck', blocks: [3, 4, 6, 3] },
  101: { block: 'bottleneck', blocks: [3, 4, 23, 3] },
  152: { block: 'bottleneck', blocks: [3, 8, 36, 3] },
};

/**
 * The ResNet for small images (32x32x3 and 10 classes unless told): a 3x3 stem, three stages of n basic blocks at
 * `width`, 2 `width` and 4 `width` channels with projection shortcuts, global mean, one dense layer.
 *
 * @throws ShapeError where the depth is not 6n + 2, or a size does not make a network (named by the layer it reaches)
 */
export function cifarResNet(options: CifarResNetOptions): Network {
  const { depth, width = 16, stemStride = 1, classes = 10 } = options;
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
  const stages: Stage[] = [
    { blocks, width, stride: 1 },
    { blocks, width: 2 * width, stride: 2 },
    { blocks, width: 4 * width, stride: 2 },
  ];
  const body = residualStages(nameOfLast(stem), width, stages, 'basic');
  // A depth that both forms have belongs to the ImageNet form unless the name says otherwise.
  const form = isImageNetDepth(depth) ? 'cifar-' : '';
  return finished(options, {
    name: `${form}${options.ic ? 'ic-' : ''}resnet${depth}`,
    input: options.input ?? { height: 32, width: 32, channels: 3 },
    layers: [...stem, ...body, ...head(nameOfLast(body), classes)],
  });
}

/**
 * The ResNet for ImageNet (224x224x3 and 1000 classes unless told), torchvision's layout (v1.5: a bottleneck's stride
 * is on its 3x3 convolution) and names. Depths 18 and 34 are of basic blocks, the others of bottlenecks.
 *
 * @throws ShapeError where the depth is another, or a size does not make a network (named by the layer it reaches)
 */
export function imageNetResNet(options: ImageNetResNetOptions): Network {
  const { depth, classes = 1000 } = options;
  if (!isImageNetDepth(depth)) {
    throw new ShapeError({
      operation: 'imageNetResNet',
      parameter: 'depth',
      expected: Object.keys(imageNetForms).join(', '),
      got: String(depth),
    });
  }
  const { block, blocks } = imageNetForms[depth];
  const stem: Layer[] = [
    convolution('conv1', 'input', { outChannels: 64, kernel: 7, stride: 2 }),
    batchNorm('bn1', 'conv1'),
    relu('relu', 'bn1'),
    { kind: 'maxPool', name: 'maxpool', inputs: ['relu'], kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  ];
  const stages = blocks.map((count, i): Stage => ({ blocks: count, width: 64 * 2 ** i, stride: i === 0 ? 1 : 2 }));
  const body = residualStages(nameOfLast(stem), 64, stages, block);
  return finished(options, {
    name: `${options.ic ? 'ic-' : ''}resnet${depth}`,
    input: options.input ?? { height: 224, width: 224, channels: 3 },
    layers: [...stem, ...body, ...head(nameOfLast(body), classes)],
  });
}

/**
 * The network of a name: `resnet20`, `ic-resnet50`, ... Depths 18, 34, 50, 101 and 152 are the ImageNet form, the
 * others of 6n + 2 the CIFAR form; `cifar-` or `imagenet-` ahead of the name asks for one of the two, as in
 * `cifar-ic-resnet50`.
 *
 * @throws UnsupportedError, listing what is known, where no network has the name, and where the CIFAR form's own
 * options are given for the ImageNet form
 */
export function networkByName(name: string, options: CifarOptions = {}): Network {
  const match = /^(cifar-|imagenet-)?(ic-)?resnet([1-9]\d*)$/.exec(name);
  const form = match?.[1];
  const ic = match?.[2] !== undefined;
  const depth = Number(match?.[3]);
  if (isImageNetDepth(depth) && form !== 'cifar-') {
    refuseCifarOptions(name, options);
    return imageNetResNet({ ...options, depth, ic });
  }
  if (isCifarDepth(depth) && form !== 'imagenet-') return cifarResNet({ ...options, depth, ic });
  const imageNet = Object.keys(imageNetForms).map((known) => `resnet${known}`);
  throw new UnsupportedError({
    operation: 'networkByName',
    parameter: 'name',
    expected:
      `${imageNet.join(', ')} (ImageNet form), resnet8, resnet14, resnet20, resnet32, resnet44, resnet56, resnet110 or ` +
      'any other 6n + 2 (CIFAR form); ic-resnet... for the IC form; cifar- or imagenet- ahead to choose the form',
    got: name,
  });
}

function isCifarDepth(depth: number): boolean {
  return Number.isSafeInteger(depth) && depth >= 8 && (depth - 2) % 6 === 0;
}

function isImageNetDepth(depth: number): depth is ImageNetDepth {
  return Object.hasOwn(imageNetForms, depth);
}

function refuseCifarOptions(name: string, options: CifarOptions): void {
  for (const parameter of ['width', 'stemStride'] as const) {
    const value = options[parameter];
    if (value === undefined) continue;
    const expected = `no such option for ${name}, which has the ImageNet form`;
    throw new UnsupportedError({ operation: 'networkByName', parameter, expected, got: String(value) });
  }
}

/** The plain network, or its IC form where the options ask for that; checked. */
function finished(options: CifarResNetOptions | ImageNetResNetOptions, plain: Network): Network {
  inferShapes(plain, 1);
  if (!options.ic) return plain;
  const { adjust = 'output', icConvolutions = 'blocks' } = options;
  return toIC(plain, { adjust, convolutions: icConvolutions === 'all' ? () => true : isBlockConvolution });
}

function isBlockConvolution({ name }: ConvolutionLayer): boolean {
  return name.startsWith('layer') && !name.includes('.downsample.');
}

function residualStages(input: string, inChannels: number, stages: readonly Stage[], kind: BlockKind): Layer[] {
  const layers: Layer[] = [];
  let last = input;
  let channels = inChannels;
  stages.forEach(({ blocks, width, stride }, stage) => {
    for (let block = 0; block < blocks; block++) {
      const steps = blockSteps(kind, width, block === 0 ? stride : 1);
      layers.push(...residualBlock(`layer${stage + 1}.${block}`, last, channels, steps));
      last = nameOfLast(layers);
      channels = steps.at(-1)!.outChannels;
    }
  });
  return layers;
}

function blockSteps(kind: BlockKind, width: number, stride: number): Step[] {
  if (kind === 'basic') {
    return [
      { outChannels: width, kernel: 3, stride },
      { outChannels: width, kernel: 3, stride: 1 },
    ];
  }
  return [
    { outChannels: width, kernel: 1, stride: 1 },
    { outChannels: width, kernel: 3, stride },
    { outChannels: 4 * width, kernel: 1, stride: 1 },
  ];
}

/** Convolutions with batch norm and, between them, relu; the shortcut; their sum and its relu. */
function residualBlock(name: string, input: string, inChannels: number, steps: readonly Step[]): Layer[] {
  const layers: Layer[] = [];
  let last = input;
  steps.forEach((step, i) => {
    if (i > 0) layers.push(relu(`${name}.relu${i}`, last));
    layers.push(convolution(`${name}.conv${i + 1}`, i > 0 ? `${name}.relu${i}` : input, step));
    last = `${name}.bn${i + 1}`;
    layers.push(batchNorm(last, `${name}.conv${i + 1}`));
  });
  const shortcut = projection(name, input, inChannels, steps);
  layers.push(
    ...shortcut,
    { kind: 'add', name: `${name}.add`, inputs: [last, shortcut.at(-1)?.name ?? input] },
    relu(`${name}.relu${steps.length}`, `${name}.add`),
  );
  return layers;
}

/** The 1x1 convolution of a shortcut whose block changes the shape; nothing where the shape stays. */
function projection(name: string, input: string, inChannels: number, steps: readonly Step[]): Layer[] {
  const outChannels = steps.at(-1)!.outChannels;
  const stride = steps.reduce((product, step) => product * step.stride, 1);
  if (stride === 1 && outChannels === inChannels) return [];
  return [
    convolution(`${name}.downsample.0`, input, { outChannels, kernel: 1, stride }),
    batchNorm(`${name}.downsample.1`, `${name}.downsample.0`),
  ];
}

function head(input: string, classes: number): [PoolLayer, DenseLayer] {
  return [
    { kind: 'meanPool', name: 'avgpool', inputs: [input], kernel: 'global', stride: [1, 1], padding: [0, 0] },
    { kind: 'dense', name: 'fc', inputs: ['avgpool'], outFeatures: classes, bias: true },
  ];
}

function convolution(name: string, input: string, { outChannels, kernel, stride }: Step): ConvolutionLayer {
  return {
    kind: 'convolution',
    name,
    inputs: [input],
    outChannels,
    kernel: square(kernel),
    stride: square(stride),
    padding: square((kernel - 1) / 2),
    dilation: square(1),
    groups: 1,
    bias: false,
    adjust: 'none',
  };
}

function batchNorm(name: string, input: string): BatchNormLayer {
  return { kind: 'batchNorm', name, inputs: [input], epsilon: 1e-5, momentum: 0.1 };
}

function relu(name: string, input: string): ReluLayer {
  return { kind: 'relu', name, inputs: [input] };
}

function square(size: number): Pair {
  return [size, size];
}

function nameOfLast(layers: readonly Layer[]): string {
  return layers.at(-1)!.name;
}
