import type {
  BatchNormLayer,
  ConvolutionLayer,
  DenseLayer,
  Layer,
  Network,
  PoolLayer,
  ReluLayer,
} from '../../src/graph/network.js';
import { hwioToOihw, nchwToNhwc, nhwcToNchw, oihwToHwio } from '../support/layout.js';
import { convolutionBackwardReference, convolutionReference } from './convolution.js';
import { denseBackwardReference, denseReference } from './dense.js';
import { loadedLayerForward } from './loadedLayers.js';
import { crossEntropyReference } from './loss.js';
import {
  batchNormBackwardReference,
  batchNormInferenceReference,
  batchNormReference,
  runningStatisticsReference,
} from './normalisation.js';
import {
  addBackwardReference,
  addReference,
  concatBackwardReference,
  concatReference,
  reluBackwardReference,
  reluReference,
  softmaxReference,
} from './pointwise.js';
import { maxPoolBackwardReference, maxPoolReference, meanPoolBackwardReference, meanPoolReference } from './pooling.js';
import type { ImageShape } from './window.js';

/** Values by parameter name, in PyTorch's layouts: filters OIHW, dense weights [out, in] with in ordered C,H,W. */
export type Parameters = ReadonlyMap<string, Float32Array | Float64Array>;

/** The output of one layer, NHWC; a dense layer's is [batch, 1, 1, outFeatures]. */
export interface Activation {
  readonly data: Float64Array;
  readonly shape: ImageShape;
}

/** One forward pass, with what the backward pass needs. */
export interface NetworkPass {
  readonly network: Network;
  /** The last layer's output, [batch, classes]. */
  readonly logits: Float64Array;
  readonly classes: number;
  /** Every layer's output by name, and the network's `input`. */
  readonly activations: ReadonlyMap<string, Activation>;
  /** In training, the running statistics after this pass, by parameter name; else empty. */
  readonly running: ReadonlyMap<string, Float64Array>;
  /** By layer name. */
  readonly steps: ReadonlyMap<string, LayerPass>;
}

/** What a layer made, and how gradients go back through it. */
export interface LayerPass {
  readonly output: Activation;
  readonly running?: ReadonlyMap<string, Float64Array>;
  /** What the layer's relu sees, that of an IC unit too, or its distance from the maximum. Gradients jump where it is zero. */
  readonly excess?: Float64Array;
  /** @param branches positive where the relu passes; without it where `excess` is */
  backward(
    dy: Float64Array,
    branches?: ArrayLike<number>,
  ): {
    readonly inputs: readonly Float64Array[];
    readonly parameters?: ReadonlyMap<string, Float64Array>;
  };
}

interface Context {
  readonly parameters: Parameters;
  readonly training: boolean;
}

/**
 * Runs a network in float64.
 *
 * @param x NHWC, of any number of images
 * @param options in training batch normalisation uses the batch's statistics, else the running ones
 */
export function networkForward(
  network: Network,
  parameters: Parameters,
  x: ArrayLike<number>,
  options: { readonly training: boolean },
): NetworkPass {
  const { height, width, channels } = network.input;
  const input: Activation = {
    data: Float64Array.from(x),
    shape: [x.length / (height * width * channels), height, width, channels],
  };
  const activations = new Map([['input', input]]);
  const steps = new Map<string, LayerPass>();
  const running = new Map<string, Float64Array>();
  let output = input;
  for (const layer of network.layers) {
    const inputs = layer.inputs.map((name) => lookUp(activations, name));
    const step = layerForward(layer, inputs, { parameters, training: options.training });
    output = step.output;
    activations.set(layer.name, output);
    steps.set(layer.name, step);
    step.running?.forEach((values, name) => {
      running.set(name, values);
    });
  }
  const classes = output.data.length / output.shape[0];
  return { network, logits: output.data, classes, activations, running, steps };
}

/** What a backward pass may be told. */
export interface BackwardOptions {
  /** By layer: positive where its relu passes, that of an IC unit too. Layers left out decide for themselves. */
  readonly branches?: ReadonlyMap<string, ArrayLike<number>>;
  /** What becomes of the gradient of a layer's output before it goes back through the layer. */
  readonly disturb?: (layer: string, dy: Float64Array) => Float64Array;
}

/**
 * From a gradient of the logits, [batch, classes], to those of the parameters (in their own layouts) and of the input
 * (NHWC).
 */
export function networkGradients(
  pass: NetworkPass,
  dLogits: ArrayLike<number>,
  { branches, disturb = (_, dy) => dy }: BackwardOptions = {},
): { gradients: Map<string, Float64Array>; dInput: Float64Array } {
  const gradients = new Map<string, Float64Array>();
  const pending = new Map<string, Float64Array>();
  const layers = pass.network.layers;
  pending.set(layers.at(-1)!.name, Float64Array.from(dLogits));
  for (const layer of layers.toReversed()) {
    const dy = pending.get(layer.name);
    if (dy === undefined) continue;
    const step = lookUp(pass.steps, layer.name);
    const { inputs, parameters } = step.backward(disturb(layer.name, dy), branches?.get(layer.name));
    layer.inputs.forEach((name, i) => {
      const earlier = pending.get(name);
      pending.set(name, earlier ? addReference(earlier, inputs[i]!) : inputs[i]!);
    });
    parameters?.forEach((values, name) => {
      gradients.set(name, values);
    });
  }
  return { gradients, dInput: lookUp(pending, 'input') };
}

/** Mean cross entropy of a pass, and its gradients. */
export function networkBackward(
  pass: NetworkPass,
  labels: ArrayLike<number>,
  smoothing = 0,
  options: BackwardOptions = {},
): { loss: number; losses: Float64Array; gradients: Map<string, Float64Array>; dInput: Float64Array } {
  const { loss, losses, dLogits } = crossEntropyReference(
    { logits: pass.logits, labels, classes: pass.classes },
    smoothing,
  );
  return { loss, losses, ...networkGradients(pass, dLogits, options) };
}

function layerForward(layer: Layer, inputs: readonly Activation[], context: Context): LayerPass {
  const input = inputs[0]!;
  switch (layer.kind) {
    case 'convolution':
      return convolutionForward(layer, input, context);
    case 'batchNorm':
      return batchNormForward(layer, input, context);
    case 'relu':
      return reluForward(layer, input);
    case 'add':
      return {
        output: { data: addReference(input.data, inputs[1]!.data), shape: input.shape },
        backward: (dy) => ({ inputs: addBackwardReference(dy) }),
      };
    case 'concat': {
      const counts = inputs.map(({ shape }) => shape[3]);
      const data = concatReference(
        inputs.map((one) => one.data),
        counts,
      );
      const channels = counts.reduce((sum, count) => sum + count, 0);
      return {
        output: { data, shape: [...input.shape.slice(0, 3), channels] as unknown as ImageShape },
        backward: (dy) => ({ inputs: concatBackwardReference(dy, counts) }),
      };
    }
    case 'flatten': {
      const [batch, height, width, channels] = input.shape;
      return {
        output: { data: nhwcToNchw(input.data, input.shape), shape: [batch, 1, 1, height * width * channels] },
        backward: (dy) => ({ inputs: [nchwToNhwc(dy, [batch, channels, height, width])] }),
      };
    }
    case 'softmax':
      return {
        output: { data: softmaxReference(input.data, input.shape[3]), shape: input.shape },
        backward() {
          throw new Error(`${layer.name}: training works on the logits`);
        },
      };
    case 'maxPool':
    case 'meanPool':
      return poolForward(layer, input);
    case 'dense':
      return denseForward(layer, input, context);
    default:
      return loadedLayerForward(layer, inputs, context.parameters);
  }
}

function reluForward({ maximum = Infinity }: ReluLayer, input: Activation): LayerPass {
  const excess = input.data.map((value) => Math.min(value, maximum - value));
  return {
    output: { data: reluReference(input.data, maximum), shape: input.shape },
    excess,
    backward: (dy, branches = excess) => ({ inputs: [reluBackwardReference(branches, dy)] }),
  };
}

function convolutionForward(layer: ConvolutionLayer, input: Activation, { parameters }: Context): LayerPass {
  const { name, kernel, stride, padding, dilation, groups, outChannels } = layer;
  const groupChannels = input.shape[3] / groups;
  const filterShape = [...kernel, groupChannels, outChannels] as const;
  const operands = {
    x: input.data,
    shape: input.shape,
    filter: oihwToHwio(lookUp(parameters, `${name}.weight`), [outChannels, groupChannels, ...kernel]),
    filterShape,
    bias: layer.bias ? lookUp(parameters, `${name}.bias`) : undefined,
    adjust: layer.adjust === 'none' ? undefined : lookUp(parameters, `${name}.adjust`),
    offset: layer.offset ? lookUp(parameters, `${name}.offset`) : undefined,
    mode: layer.adjust,
    stride,
    padding,
    dilation,
    groups,
  };
  const { y, excess, outShape } = convolutionReference(operands);
  return {
    output: { data: y, shape: outShape },
    ...(layer.adjust !== 'none' && { excess }),
    backward(dy, branches) {
      const { dx, dFilter, dBias, dAdjust, dOffset } = convolutionBackwardReference({ ...operands, dy, branches });
      const gradients = new Map([[`${name}.weight`, hwioToOihw(dFilter, filterShape)]]);
      if (layer.bias) gradients.set(`${name}.bias`, dBias);
      if (layer.adjust !== 'none') gradients.set(`${name}.adjust`, dAdjust);
      if (layer.offset) gradients.set(`${name}.offset`, dOffset);
      return { inputs: [dx], parameters: gradients };
    },
  };
}

function batchNormForward(layer: BatchNormLayer, input: Activation, context: Context): LayerPass {
  const { name, epsilon, momentum } = layer;
  const parameter = (part: string) => lookUp(context.parameters, `${name}.${part}`);
  const operands = { x: input.data, scale: parameter('weight'), shift: parameter('bias'), epsilon };
  const old = { mean: parameter('running_mean'), variance: parameter('running_var') };
  if (!context.training) {
    return {
      output: { data: batchNormInferenceReference(operands, old), shape: input.shape },
      backward() {
        throw new Error(`${name}: gradients are those of a training pass`);
      },
    };
  }
  const { y, ...statistics } = batchNormReference(operands);
  const fresh = runningStatisticsReference(old, statistics, input.data.length / input.shape[3], momentum);
  return {
    output: { data: y, shape: input.shape },
    running: new Map([
      [`${name}.running_mean`, fresh.mean],
      [`${name}.running_var`, fresh.variance],
    ]),
    backward(dy) {
      const { dx, dScale, dShift } = batchNormBackwardReference({ ...operands, dy });
      return {
        inputs: [dx],
        parameters: new Map([
          [`${name}.weight`, dScale],
          [`${name}.bias`, dShift],
        ]),
      };
    },
  };
}

function poolForward(layer: PoolLayer, input: Activation): LayerPass {
  const { kernel, stride, padding, countPadding, ceilMode } = layer;
  const operands = { x: input.data, shape: input.shape, kernel, stride, padding, countPadding, ceilMode };
  const [forward, backward] =
    layer.kind === 'maxPool'
      ? [maxPoolReference, maxPoolBackwardReference]
      : [meanPoolReference, meanPoolBackwardReference];
  const { y, outShape } = forward(operands);
  return {
    output: { data: y, shape: outShape },
    backward: (dy) => ({ inputs: [backward({ ...operands, dy })] }),
  };
}

/** The weight's columns are ordered C,H,W, the activation's elements H,W,C: its rows are turned round for them. */
function denseForward(layer: DenseLayer, input: Activation, context: Context): LayerPass {
  if (layer.adjust === 'output') return unitDenseForward(layer, input, context);
  const { parameters } = context;
  const { name, outFeatures } = layer;
  const [batch, height, width, channels] = input.shape;
  const inFeatures = height * width * channels;
  const weight = nchwToNhwc(lookUp(parameters, `${name}.weight`), [outFeatures, channels, height, width]);
  const operands = {
    x: input.data,
    weight: transpose(weight, outFeatures, inFeatures),
    bias: layer.bias ? lookUp(parameters, `${name}.bias`) : undefined,
    inFeatures,
    outFeatures,
  };
  return {
    output: { data: denseReference(operands), shape: [batch, 1, 1, outFeatures] },
    backward(dy) {
      const { dx, dWeight, dBias } = denseBackwardReference({ ...operands, dy });
      const rows = transpose(dWeight, inFeatures, outFeatures);
      const gradients = new Map([[`${name}.weight`, nhwcToNchw(rows, [outFeatures, height, width, channels])]]);
      if (layer.bias) gradients.set(`${name}.bias`, dBias);
      return { inputs: [dx], parameters: gradients };
    },
  };
}

/** The IC convolution whose filters are as large as the image. */
function unitDenseForward(layer: DenseLayer, input: Activation, context: Context): LayerPass {
  const { name, inputs, outFeatures, bias, offset = false } = layer;
  const [, height, width, channels] = input.shape;
  const window = { kernel: [height, width], stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;
  const unit = { ...window, groups: 1, bias, adjust: 'output', offset } as const;
  const filter = lookUp(context.parameters, `${name}.weight`);
  if (filter.length !== outFeatures * channels * height * width) throw new Error(`${name}: weights of another size`);
  return convolutionForward({ kind: 'convolution', name, inputs, outChannels: outFeatures, ...unit }, input, context);
}

function transpose(matrix: Float32Array | Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

function lookUp<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`nothing is named ${name}`);
  return value;
}
