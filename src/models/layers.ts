import type {
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
  /** 1 where left out. */
  readonly groups?: number;
  readonly bias?: boolean;
}

/** A convolution padded so that with stride 1 it keeps the image's size. */
export function convolution(name: string, input: string, step: Step): ConvolutionLayer {
  const { outChannels, kernel, stride, groups = 1, bias = false } = step;
  return {
    kind: 'convolution',
    name,
    inputs: [input],
    outChannels,
    kernel: square(kernel),
    stride: square(stride),
    padding: square((kernel - 1) / 2),
    dilation: square(1),
    groups,
    bias,
    adjust: 'none',
  };
}

/** Batch normalisation with PyTorch's defaults. */
export function batchNorm(name: string, input: string): BatchNormLayer {
  return { kind: 'batchNorm', name, inputs: [input], epsilon: 1e-5, momentum: 0.1 };
}

export function relu(name: string, input: string): ReluLayer {
  return { kind: 'relu', name, inputs: [input] };
}

/** ReLU6. */
export function relu6(name: string, input: string): ReluLayer {
  return { ...relu(name, input), maximum: 6 };
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
  size: { readonly kernel: number; readonly stride: number; readonly padding?: number },
): PoolLayer {
  const { kernel, stride, padding = 0 } = size;
  return { kind, name, inputs: [input], kernel: square(kernel), stride: square(stride), padding: square(padding) };
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
