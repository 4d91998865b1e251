import * as jax from '@jax-js/jax';
import {
  type ActivationLayer,
  type BatchNormLayer,
  type ConvolutionLayer,
  type DenseLayer,
  isICUnit,
  type Layer,
  type Network,
  type PoolLayer,
} from '../../../src/graph/network.js';
import { sidesOf } from '../../../src/ops/windows.js';
import { convolution } from './operation.js';

/** Tensors by name. */
export type Tensors = Record<string, jax.Array>;

/** Normalises a layer's input, which it takes over. */
export type Normalise = (layer: BatchNormLayer, x: jax.Array) => jax.Array;

/**
 * The output of a network, layer by layer as jax-js' operations have it; what fuses is its compiler's business.
 *
 * @param parameters - by PyTorch's names and in its layouts; they are not taken over
 * @param images - [batch, channels, height, width]; taken over
 */
export function forward(network: Network, parameters: Tensors, images: jax.Array, normalise: Normalise): jax.Array {
  const readers = new Map<string, number>();
  for (const name of network.layers.flatMap(({ inputs }) => inputs)) readers.set(name, (readers.get(name) ?? 0) + 1);
  const layers = new Map(network.layers.map((layer) => [layer.name, layer]));
  const tensors = new Map([['input', images]]);
  // Whoever reads a tensor last takes it over.
  const read = (name: string): jax.Array => {
    const left = readers.get(name)! - 1;
    readers.set(name, left);
    return left > 0 ? tensors.get(name)!.ref : tensors.get(name)!;
  };
  for (const layer of network.layers) {
    const inputs = layer.inputs.map(read);
    tensors.set(layer.name, compute(layer, inputs, layers.get(layer.inputs[0]!)));
  }
  return tensors.get(network.layers.at(-1)!.name)!;

  function compute(layer: Layer, inputs: jax.Array[], source: Layer | undefined): jax.Array {
    const [x, other] = inputs as [jax.Array, jax.Array];
    switch (layer.kind) {
      case 'convolution':
        return icConvolution(layer, x, parameters);
      case 'batchNorm':
        return normalise(layer, x);
      case 'relu':
        if (layer.maximum === undefined) return jax.nn.relu(x);
        return jax.numpy.clip(x, 0, layer.maximum);
      case 'activation':
        return activate(layer, x);
      case 'add':
        return x.add(other);
      case 'multiply':
        return x.mul(other);
      case 'concat':
        return jax.numpy.concatenate(inputs, 1);
      case 'softmax':
        return jax.nn.softmax(x, 1);
      case 'maxPool':
      case 'meanPool':
        return pool(layer, x, source);
      case 'flatten':
        return x.reshape([x.shape[0]!, -1]);
      case 'dense':
        return dense(layer, x, parameters);
      default:
        throw new Error(`${layer.name}: of no network of the bench`);
    }
  }
}

/** A vector with an element a channel, beside tensors [batch, channels, height, width]. */
export function perChannel(vector: jax.Array): jax.Array {
  return vector.reshape([-1, 1, 1]);
}

function icConvolution(layer: ConvolutionLayer, x: jax.Array, parameters: Tensors): jax.Array {
  const { name, adjust, offset, bias } = layer;
  if (offset || adjust === 'input' || (bias && adjust !== 'none'))
    throw new Error(`${name}: of no network of the bench`);
  const filter = parameters[`${name}.weight`]!.ref;
  if (bias) return convolution(x, filter, layer).add(perChannel(parameters[`${name}.bias`]!.ref));
  if (adjust === 'none') return convolution(x, filter, layer);
  const inhibition = inhibitionOf(layer, x.ref, parameters[`${name}.adjust`]!.ref);
  const z = convolution(x, filter, layer);
  return z.ref.add(jax.nn.relu(z.sub(inhibition)));
}

/**
 * The recalibration weights times the input's sums under the windows: sums over the channels, of a depthwise convolution each channel,
 * in a convolution whose taps all are the filter's weight. Cheaper would be one with ones and a product behind it, but on WebGPU
 * jax-js 0.1.25 finds wrong gradients of strided convolutions to one channel.
 */
function inhibitionOf(layer: ConvolutionLayer, x: jax.Array, adjust: jax.Array): jax.Array {
  const summed = layer.groups > 1 ? x : x.sum(1, { keepdims: true });
  const taps = adjust.reshape([-1, 1, 1, 1]).mul(jax.numpy.ones([1, 1, ...layer.kernel]));
  return convolution(summed, taps, layer);
}

function activate(layer: ActivationLayer, x: jax.Array): jax.Array {
  switch (layer.function) {
    case 'sigmoid':
    case 'silu':
    case 'hardSigmoid':
    case 'hardSwish':
      return jax.nn[layer.function](x);
    default:
      throw new Error(`${layer.name}: ${layer.function} is of no network of the bench`);
  }
}

function pool(layer: PoolLayer, x: jax.Array, source: Layer | undefined): jax.Array {
  const { kind, kernel, padding, name } = layer;
  const over = kind === 'maxPool' ? jax.numpy.max : jax.numpy.mean;
  if (layer.ceilMode) throw new Error(`${name}: of no network of the bench`);
  if (kernel === 'global') return over(x, [2, 3], { keepdims: true });
  // jax-js pads with zeros alone, which no maximum behind a ReLU notices.
  const zerosCount = kind === 'maxPool' ? source?.kind === 'relu' : layer.countPadding !== false;
  if (!zerosCount && padding.some((size) => size > 0)) throw new Error(`${name}: of no network of the bench`);
  const [top, left, bottom, right] = sidesOf(padding);
  const whole = jax.numpy.pad(x, { 2: [top, bottom], 3: [left, right] });
  return jax.lax.reduceWindow(whole, (window) => over(window), [...kernel], [...layer.stride]);
}

function dense(layer: DenseLayer, x: jax.Array, parameters: Tensors): jax.Array {
  const { name, bias } = layer;
  if (isICUnit(layer)) throw new Error(`${name}: of no network of the bench`);
  const flat = x.reshape([x.shape[0]!, -1]);
  const y = jax.numpy.matmul(flat, parameters[`${name}.weight`]!.ref.transpose());
  return bias ? y.add(parameters[`${name}.bias`]!.ref) : y;
}
