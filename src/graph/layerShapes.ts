import type { ActivationOptions, ReluOptions } from '../ops/activation.js';
import type { BatchNormShape } from '../ops/batchNorm.js';
import type { CompleteConvolution } from '../ops/convolution/shape.js';
import type { DenseShape } from '../ops/dense.js';
import type { MeanPoolOptions, PoolShape } from '../ops/pool.js';
import type { FusedLayers } from './fusion.js';
import type { LayerPlans } from './layerPlans.js';
import type { ConvolutionLayer, DenseLayer, PoolLayer, ReluLayer, UnitLayer } from './network.js';
import { elementCount } from './parameters.js';
import type { Shape } from './shapes.js';

/** A convolution layer on an input of a shape. */
export function convolutionShape(layer: ConvolutionLayer, input: Shape): CompleteConvolution {
  const [batch, inHeight, inWidth, inChannels] = input;
  const { outChannels, kernel, stride, padding, dilation, groups } = layer;
  return { batch, inHeight, inWidth, inChannels, outChannels, kernel, stride, padding, dilation, groups };
}

/** A pooling layer on an input of a shape. */
export function poolShape(layer: PoolLayer, input: Shape): Required<PoolShape> {
  const [batch, inHeight, inWidth, channels] = input;
  const { stride, padding, ceilMode = false } = layer;
  const kernel = layer.kernel === 'global' ? ([inHeight, inWidth] as const) : layer.kernel;
  return { batch, inHeight, inWidth, channels, kernel, stride, padding, ceilMode };
}

/** A fully connected layer on an input of a shape. */
export function denseShape(layer: DenseLayer, [batch, ...rest]: Shape): DenseShape {
  return { batch, inFeatures: elementCount(rest), outFeatures: layer.outFeatures };
}

/** The options of a layer's operation that say what it adds to its products. */
export function unitOptions({ bias, adjust = 'none', offset = false }: UnitLayer) {
  return { bias, adjust, offset };
}

/** Batch normalisation on an input of a shape. */
export function batchNormShape([batch, height, width, channels]: Shape): BatchNormShape {
  return { pixels: batch * height * width, channels };
}

/** What a mean pooling layer divides by. */
export function meanPoolOptions({ countPadding }: PoolLayer): MeanPoolOptions {
  return countPadding === undefined ? {} : { countPadding };
}

/** The activation at the end of an operation; slopes of channels are its own. */
export function activationOptions({ relu, ending }: FusedLayers, plans: LayerPlans | undefined): ActivationOptions {
  if (relu) return { relu: true, ...reluBound(relu) };
  return ending?.kind === 'activation' ? { activation: plans!.activation.end(ending) } : {};
}

/** The bound of a ReLU that is an operation of its own. */
export function reluBound({ maximum }: ReluLayer): Pick<ReluOptions, 'maximum'> {
  return maximum === undefined ? {} : { maximum };
}
