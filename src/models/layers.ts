import type {
  ActivationFunction,
  AddLayer,
  BatchNormLayer,
  ConvolutionLayer,
  DenseLayer,
  Layer,
  Pair,
  PoolLayer,
  ReluLayer,
} from '../graph/network.js';

/** What distinguishes one square convolution of a network from the next. */
export interface Step {
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  /** What keeps the image's size with stride 1 where left out. */
  readonly padding?: number;
  /** 1 where left out. */
  readonly groups?: number;
  readonly bias?: boolean;
}

/** Makes a layer of one input. */
export type Behind = (name: string, input: string) => Layer;

export function convolution(name: string, input: string, step: Step): ConvolutionLayer {
  const { outChannels, kernel, stride, padding = (kernel - 1) / 2, groups = 1, bias = false } = step;
  return {
    kind: 'convolution',
    name,
    inputs: [input],
    outChannels,
    kernel: square(kernel),
    stride: square(stride),
    padding: square(padding),
    dilation: square(1),
    groups,
    bias,
    adjust: 'none',
  };
}

/** Batch normalisation, with PyTorch's defaults where nothing else is said. */
export function batchNorm(
  name: string,
  input: string,
  { epsilon = 1e-5, momentum = 0.1 }: { readonly epsilon?: number; readonly momentum?: number } = {},
): BatchNormLayer {
  return { kind: 'batchNorm', name, inputs: [input], epsilon, momentum };
}

/**
 * A convolution with its batch norm and, where there is one, what stands behind that, counted from 0 as torchvision's
 * Conv2dNormActivation counts them.
 */
export function normalised(
  name: string,
  input: string,
  step: Step,
  activation?: Behind,
  norm: Behind = batchNorm,
): Layer[] {
  const layers = [convolution(`${name}.0`, input, step), norm(`${name}.1`, `${name}.0`)];
  return activation ? [...layers, activation(`${name}.2`, `${name}.1`)] : layers;
}

export function relu(name: string, input: string): ReluLayer {
  return { kind: 'relu', name, inputs: [input] };
}

/** ReLU6. */
export function relu6(name: string, input: string): ReluLayer {
  return { ...relu(name, input), maximum: 6 };
}

/** What makes activation layers of a function. */
export function activation(name: ActivationFunction): Behind {
  return (layer, input) => ({ kind: 'activation', name: layer, inputs: [input], function: name });
}

/** Fused with what gives `input`; `residual` is what is added to it. */
export function add(name: string, input: string, residual: string): AddLayer {
  return { kind: 'add', name, inputs: [input, residual] };
}

/** A pooling over square windows. */
export function pool(
  kind: PoolLayer['kind'],
  name: string,
  input: string,
  size: { readonly kernel: number; readonly stride: number; readonly padding?: number; readonly ceilMode?: boolean },
): PoolLayer {
  const { kernel, stride, padding = 0, ceilMode = false } = size;
  const windows = { kernel: square(kernel), stride: square(stride), padding: square(padding) };
  return { kind, name, inputs: [input], ...windows, ...(ceilMode && { ceilMode }) };
}

/** The mean of each channel. */
export function globalMean(name: string, input: string): PoolLayer {
  return { kind: 'meanPool', name, inputs: [input], kernel: 'global', stride: [1, 1], padding: [0, 0] };
}

/** A fully connected layer with a bias. */
export function dense(name: string, input: string, outFeatures: number): DenseLayer {
  return { kind: 'dense', name, inputs: [input], outFeatures, bias: true };
}

export function nameOfLast(layers: readonly Layer[]): string {
  return layers.at(-1)!.name;
}

function square(size: number): Pair {
  return [size, size];
}
