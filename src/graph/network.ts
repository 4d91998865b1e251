import type { ActivationFunction } from '../ops/activationFunctions.js';
import type { Adjust } from '../ops/convolution/shape.js';
import type { Padding, Pair, Sides } from '../ops/windows.js';

export type { ActivationFunction, Adjust, Padding, Pair, Sides };

interface LayerBase {
  /** Unique within the network; also the prefix of the layer's parameter names. */
  readonly name: string;
  /** Names of the layers whose outputs this one reads; `input` is the network's input. */
  readonly inputs: readonly string[];
}

/**
 * A convolution or IC convolution; parameters NAME.weight, NAME.bias (with `bias`), NAME.adjust (unless `none`), NAME.offset (with
 * `offset`).
 */
export interface ConvolutionLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'convolution';
  /** Number of filters. */
  readonly outChannels: number;
  /** Height and width of the filters. */
  readonly kernel: Pair;
  /** Along height and width. */
  readonly stride: Pair;
  /** Zeros around the images: height, width, or top, left, bottom, right. */
  readonly padding: Padding;
  /** Distance of neighbouring taps, along height and width. */
  readonly dilation: Pair;
  /** Parts that the channels fall into, each with filters of its own; divides input and output channels. */
  readonly groups: number;
  /** Whether a number is added to each output channel. */
  readonly bias: boolean;
  /** The form of the IC unit; `none` for a plain convolution. */
  readonly adjust: Adjust;
  /** Whether a number is added inside of the IC unit's second term, one a filter; not where left out. */
  readonly offset?: boolean;
}

/** Batch normalisation over batch, height and width; parameters NAME.weight, .bias, .running_mean, .running_var. */
export interface BatchNormLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'batchNorm';
  /** Added to the variance; above 0. */
  readonly epsilon: number;
  /** Share of the new batch in the running statistics. */
  readonly momentum: number;
}

/** Rectifies every element; bounded above where it says so. */
export interface ReluLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'relu';
  /** What it lets through at most, 6 for ReLU6; any value where left out. */
  readonly maximum?: number;
}

/** Element-wise sum of two inputs of one shape. */
export interface AddLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'add';
}

/** Concatenation along the channels, of inputs that are alike in height and width. */
export interface ConcatLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'concat';
}

/** Max or mean over windows. */
export interface PoolLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'maxPool' | 'meanPool';
  /** `global` spans the whole image. */
  readonly kernel: Pair | 'global';
  /** Along height and width; of no effect on a `global` one. */
  readonly stride: Pair;
  /** Pixels around the images: height, width, or top, left, bottom, right; no window may hold nothing but padding. */
  readonly padding: Padding;
  /**
   * Whether pixels behind the last whole window have one that reaches beyond the padded image, as long as it starts in the image
   * or in the padding ahead of it, as in PyTorch; not where left out.
   */
  readonly ceilMode?: boolean;
  /** Of a mean: whether padding counts as zeros, the default as in PyTorch, or not at all. */
  readonly countPadding?: boolean;
}

/**
 * Fully connected, over all elements of one example in the order channels, height, width, as behind PyTorch's flatten;
 * parameters NAME.weight [out, in] and NAME.bias, of an IC unit also NAME.adjust [out] and NAME.offset [out].
 */
export interface DenseLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'dense';
  /** Outputs an example. */
  readonly outFeatures: number;
  /** Whether a number is added to each output. */
  readonly bias: boolean;
  /** `output` for an IC unit, its window sum that of all inputs; a plain layer where left out. */
  readonly adjust?: 'none' | 'output';
  /** Whether a number is added inside of the IC unit's second term, one an output; not where left out. */
  readonly offset?: boolean;
}

/** An image as a row of its elements in the order channels, height, width, as PyTorch's flatten and ONNX's have it. */
export interface FlattenLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'flatten';
}

/** Probabilities out of logits, the last layer where there is one. Training and evaluation work on the logits ahead of it. */
export interface SoftmaxLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'softmax';
}

/** A smooth or leaky function of every element. */
export interface ActivationLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'activation';
  /** Which one; `gelu` is the exact one, by the error function. */
  readonly function: ActivationFunction;
  /**
   * Of `leakyRelu` the factor of negative values, 0.01 where left out; of `hardSigmoid` that of x in
   * `min(1, max(0, slope x + 1/2))`, 1/6 where left out, as in PyTorch. None of the others.
   */
  readonly slope?: number;
}

/** Passes positive values, and negative ones times a slope learned for each channel; parameter NAME.weight. */
export interface PreluLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'prelu';
}

/** Element-wise product of two inputs of one shape, or of an input and [N, 1, 1, C], a gate for each of its channels. */
export interface MultiplyLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'multiply';
}

/** Each channel times NAME.weight plus NAME.bias, its parameters. */
export interface AffineLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'affine';
}

/** Some of the channels that follow one another. */
export interface SliceLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'slice';
  /** The first of them, from 0. */
  readonly start: number;
  /** How many. */
  readonly channels: number;
}

/** Channels in another order: group by group becomes one of each group after the other, as in ShuffleNet. */
export interface ShuffleLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'shuffle';
  /** Parts that the channels fall into; divides them. */
  readonly groups: number;
}

/** A larger image. */
export interface UpsampleLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'upsample';
  /** How much larger, along height and width. */
  readonly factor: Pair;
  /** What lies between pixels: the nearest one, or a mean of four weighted by their distance. */
  readonly mode: 'nearest' | 'bilinear';
  /** Of `bilinear`: whether corners stay corners; by default pixels are areas. */
  readonly alignCorners?: boolean;
}

/** A convolution's input gradient as a layer; parameters NAME.weight [in, out / groups, height, width] and NAME.bias. */
export interface TransposedConvolutionLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'transposedConvolution';
  /** Number of channels that it makes. */
  readonly outChannels: number;
  /** Height and width of the filters. */
  readonly kernel: Pair;
  /** Of the convolution: how far apart the input's pixels come to lie, along height and width. */
  readonly stride: Pair;
  /** Of the convolution: what is cut off the output's sides: height, width, or top, left, bottom, right. */
  readonly padding: Padding;
  /** Rows and columns added behind, which the stride leaves open; less than stride or dilation. */
  readonly outputPadding: Pair;
  /** Distance of neighbouring taps, along height and width. */
  readonly dilation: Pair;
  /** Parts that the channels fall into, each with filters of its own; divides input and output channels. */
  readonly groups: number;
  /** Whether a number is added to each output channel. */
  readonly bias: boolean;
}

/**
 * Divides by the neighbourhood across channels: `x / (k + alpha / size * sum of squares)^beta` over `size` channels around
 * (Krizhevsky et al., 2012), as PyTorch's LocalResponseNorm.
 */
export interface LocalResponseNormLayer extends LayerBase {
  /** Says which layer it is. */
  readonly kind: 'localResponseNorm';
  /** Channels of a neighbourhood. */
  readonly size: number;
  /** Factor of the mean of squares. */
  readonly alpha: number;
  /** The power. */
  readonly beta: number;
  /** Added to the mean of squares; above 0. */
  readonly k: number;
}

/** Layers whose kernels are loaded when a network has one. */
export type LoadedLayer =
  | ActivationLayer
  | PreluLayer
  | MultiplyLayer
  | AffineLayer
  | ConcatLayer
  | FlattenLayer
  | SliceLayer
  | ShuffleLayer
  | UpsampleLayer
  | TransposedConvolutionLayer
  | LocalResponseNormLayer;

/** Any layer of a network. */
export type Layer =
  | ConvolutionLayer
  | BatchNormLayer
  | ReluLayer
  | AddLayer
  | PoolLayer
  | DenseLayer
  | SoftmaxLayer
  | LoadedLayer;

/** Layers that an IC unit may be. */
export type UnitLayer = ConvolutionLayer | DenseLayer;

/** A network as data: layers in an order in which every input is defined before its use; the last one is the output. */
export interface Network {
  /** For labels, messages and files. */
  readonly name: string;
  /** One input image. */
  readonly input: {
    /** In pixels. */
    readonly height: number;
    /** In pixels. */
    readonly width: number;
    /** 1 for grey, 3 for colours. */
    readonly channels: number;
  };
  /** At least one. */
  readonly layers: readonly Layer[];
}

/** Whether a layer is an IC unit. */
export function isICUnit(layer: Layer): boolean {
  return (layer.kind === 'convolution' || layer.kind === 'dense') && (layer.adjust ?? 'none') !== 'none';
}

/** The network that ends in the logits, without the softmax that may follow them. */
export function withoutSoftmax(network: Network): Network {
  if (network.layers.at(-1)?.kind !== 'softmax') return network;
  return { ...network, layers: network.layers.slice(0, -1) };
}
