import { type ConvolutionLayer, isICUnit, type Layer, type Network } from './network.js';
import { inferShapes, type Shape } from './shapes.js';

/**
 * What a parameter is to its layer: `filter`, `adjust`, `offset` and `bias` of a convolution; `scale`, `shift` and the running
 * statistics of a batch norm, the first two of an affine layer, too; `denseWeight` and `denseBias` of a fully connected layer,
 * `adjust` and `offset` of one that is an IC unit;
 * `transposedFilter` and `bias` of a transposed convolution; `slope` of a PReLU.
 */
export type ParameterRole =
  | 'filter'
  | 'adjust'
  | 'offset'
  | 'bias'
  | 'scale'
  | 'shift'
  | 'runningMean'
  | 'runningVariance'
  | 'batchesTracked'
  | 'denseWeight'
  | 'denseBias'
  | 'transposedFilter'
  | 'slope';

/** One entry of a network's state. */
export interface ParameterSpec {
  /** The layer's name and PyTorch's, as in `bn1.running_mean`. */
  readonly name: string;
  /** Name of the layer it belongs to. */
  readonly layer: string;
  /** What it is to its layer. */
  readonly role: ParameterRole;
  /**
   * PyTorch's layout: filters [outChannels, inChannels / groups, height, width], dense weights [out, in] with `in` in
   * the order channels, height, width; [] for `num_batches_tracked`.
   */
  readonly shape: readonly number[];
  /** Whether an optimiser changes it; running statistics it leaves alone. */
  readonly trainable: boolean;
}

/**
 * Every entry of the network's state in the order of PyTorch's `state_dict`: layer by layer, weight before bias, and
 * `adjust` and `offset` right behind the weight they belong to.
 *
 * @throws ShapeError where the network is not well formed, as `inferShapes` does
 */
export function networkParameters(network: Network): ParameterSpec[] {
  const shapes = inferShapes(network, 1);
  return network.layers.flatMap((layer) => layerParameters(layer, shapes.get(layer.inputs[0]!)!));
}

/** Tells whether a name belongs to the last layer that has weights. */
export function isInHead(specs: readonly ParameterSpec[]): (name: string) => boolean {
  const { layer } = specs.at(-1)!;
  return (name) => name.slice(0, name.lastIndexOf('.')) === layer;
}

/** The number of elements of a shape; 1 for []. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function layerParameters(layer: Layer, [, height, width, channels]: Shape): ParameterSpec[] {
  switch (layer.kind) {
    case 'convolution':
      return convolutionParameters(layer, channels);
    case 'batchNorm':
      return batchNormParameters(layer.name, channels);
    case 'dense': {
      const { name, outFeatures } = layer;
      const specs = [trained(name, 'weight', 'denseWeight', [outFeatures, channels * height * width])];
      if (isICUnit(layer)) specs.push(trained(name, 'adjust', 'adjust', [outFeatures]));
      if (layer.offset) specs.push(trained(name, 'offset', 'offset', [outFeatures]));
      if (layer.bias) specs.push(trained(name, 'bias', 'denseBias', [outFeatures]));
      return specs;
    }
    case 'affine':
      return [trained(layer.name, 'weight', 'scale', [channels]), trained(layer.name, 'bias', 'shift', [channels])];
    case 'prelu':
      return [trained(layer.name, 'weight', 'slope', [channels])];
    case 'transposedConvolution': {
      const { name, outChannels, groups, kernel } = layer;
      const weight = trained(name, 'weight', 'transposedFilter', [channels, outChannels / groups, ...kernel]);
      return layer.bias ? [weight, trained(name, 'bias', 'bias', [outChannels])] : [weight];
    }
    default:
      return [];
  }
}

function convolutionParameters(layer: ConvolutionLayer, inChannels: number): ParameterSpec[] {
  const { name, outChannels, groups, kernel, adjust, offset, bias } = layer;
  const specs = [trained(name, 'weight', 'filter', [outChannels, inChannels / groups, ...kernel])];
  if (adjust === 'output') specs.push(trained(name, 'adjust', 'adjust', [outChannels]));
  if (adjust === 'input') specs.push(trained(name, 'adjust', 'adjust', [inChannels]));
  if (offset) specs.push(trained(name, 'offset', 'offset', [outChannels]));
  if (bias) specs.push(trained(name, 'bias', 'bias', [outChannels]));
  return specs;
}

function batchNormParameters(name: string, channels: number): ParameterSpec[] {
  return [
    trained(name, 'weight', 'scale', [channels]),
    trained(name, 'bias', 'shift', [channels]),
    tracked(name, 'running_mean', 'runningMean', [channels]),
    tracked(name, 'running_var', 'runningVariance', [channels]),
    tracked(name, 'num_batches_tracked', 'batchesTracked', []),
  ];
}

function trained(layer: string, suffix: string, role: ParameterRole, shape: readonly number[]): ParameterSpec {
  return { name: `${layer}.${suffix}`, layer, role, shape, trainable: true };
}

function tracked(layer: string, suffix: string, role: ParameterRole, shape: readonly number[]): ParameterSpec {
  return { name: `${layer}.${suffix}`, layer, role, shape, trainable: false };
}
