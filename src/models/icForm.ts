import { type ConvolutionLayer, isICUnit, type Layer, type Network } from '../graph/network.js';
import { inferShapes } from '../graph/shapes.js';
import { type ICAdjust, toIC } from './toIC.js';

/** What the networks of every family can be told. */
export interface NetworkOptions {
  /** Height, width and channels of one image. */
  readonly input?: Network['input'];
  /** Outputs; 1000, or 10 of CIFAR's networks, unless told. */
  readonly classes?: number;
  /** The recalibration form of the IC convolutions, `output` unless told; of no effect on a plain network. */
  readonly adjust?: ICAdjust;
  /** Whether the IC convolutions have an offset; false unless told. Of no effect on a plain network. */
  readonly offset?: boolean;
  /**
   * Which convolutions of an IC network are IC: those of its blocks (unless told), with the stem, shortcuts, transitions
   * and what stands behind the last block plain; or `all`. Those of a squeeze-and-excitation are a recalibration themselves, and
   * plain either way. Of no effect on a plain network.
   */
  readonly icConvolutions?: 'blocks' | 'all';
}

/** One image as networks for ImageNet take it unless told. */
export const imageNetInput: Network['input'] = { height: 224, width: 224, channels: 3 };

/**
 * The plain network, or its IC form where the options ask for that; checked.
 *
 * @throws ShapeError where a size does not make a network (named by the layer it reaches)
 */
export function finished(options: NetworkOptions & { readonly ic: boolean }, plain: Network): Network {
  inferShapes(plain, 1);
  if (!options.ic) return plain;
  const { adjust = 'output', offset = false, icConvolutions = 'blocks' } = options;
  const convolutions = icConvolutions === 'all' ? isNoExcitation : isBlockConvolution;
  const ic = toIC(plain, { adjust, offset, convolutions });
  return { ...ic, name: plain.name.replace(/^(cifar-)?/, '$1ic-') };
}

/** Whether a network has IC units. */
export function hasICUnits({ layers }: Network): boolean {
  return layers.some(isICUnit);
}

/** The network without its IC units: all convolutions and dense layers plain. */
export function plainForm({ name, layers, ...rest }: Network): Network {
  return {
    ...rest,
    name: name.replace(/^(cifar-)?ic-/, '$1'),
    layers: layers.map(plainLayer),
  };
}

/** The two convolutions of a squeeze-and-excitation, which are a recalibration themselves. */
function isNoExcitation({ name }: ConvolutionLayer): boolean {
  return !/\.fc[12]$/.test(name);
}

function plainLayer(layer: Layer): Layer {
  if (layer.kind !== 'convolution' && layer.kind !== 'dense') return layer;
  const { adjust, offset, ...plain } = layer;
  return plain.kind === 'convolution' ? { ...plain, adjust: 'none' } : plain;
}

/**
 * The convolutions of each family's blocks, by torchvision's names: of residual blocks but their shortcuts, in ResNets and
 * RegNets; all of a VGG's but the first; of inverted residuals in MobileNetV2, MobileNetV3 and EfficientNet, ShuffleNetV2, and
 * MNASNet; of dense layers; of inceptions; of fire modules.
 */
const blocks: readonly RegExp[] = [
  /^layer\d+\.(?!.*\.downsample\.)/,
  /^trunk_output\.(?!.*\.proj\.)/,
  /^features\.[1-9]\d*$/,
  /^features\.\d+\.conv\./,
  /^features\.[\d.]+\.block\./,
  /^stage\d+\./,
  /^layers\.\d+\.\d+\.layers\./,
  /^features\.denseblock\d+\./,
  /^inception/,
  /^features\.\d+\.(squeeze|expand)/,
];

/** Whether a convolution of a network by this package belongs to a block, and so is IC in the network's IC form. */
export function isBlockConvolution(layer: ConvolutionLayer): boolean {
  return isNoExcitation(layer) && blocks.some((pattern) => pattern.test(layer.name));
}
