import type { BatchNormShape } from '../ops/batchNorm.js';
import type { ConvolutionShape } from '../ops/convolution.js';
import type { DenseShape } from '../ops/dense.js';
import type { PoolShape } from '../ops/pool.js';
import type { ConvolutionLayer, DenseLayer, PoolLayer } from './network.js';
import { elementCount } from './parameters.js';
import type { Shape } from './shapes.js';

/** A convolution layer on an input of a shape. */
export function convolutionShape(layer: ConvolutionLayer, input: Shape): ConvolutionShape {
  const [batch, inHeight, inWidth, inChannels] = input;
  const { outChannels, kernel, stride, padding, dilation, groups } = layer;
  return { batch, inHeight, inWidth, inChannels, outChannels, kernel, stride, padding, dilation, groups };
}

/** A pooling layer on an input of a shape. */
export function poolShape(layer: PoolLayer, input: Shape): PoolShape {
  const [batch, inHeight, inWidth, channels] = input;
  const kernel = layer.kernel === 'global' ? ([inHeight, inWidth] as const) : layer.kernel;
  return { batch, inHeight, inWidth, channels, kernel, stride: layer.stride, padding: layer.padding };
}

/** A fully connected layer on an input of a shape. */
export function denseShape(layer: DenseLayer, [batch, ...rest]: Shape): DenseShape {
  return { batch, inFeatures: elementCount(rest), outFeatures: layer.outFeatures };
}

/** Batch normalisation on an input of a shape. */
export function batchNormShape([batch, height, width, channels]: Shape): BatchNormShape {
  return { pixels: batch * height * width, channels };
}
