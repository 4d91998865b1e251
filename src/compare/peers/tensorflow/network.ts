import * as tf from '@tensorflow/tfjs-core';
import { type EndsIn, type FusedLayers, fuseLayers, isConvolution } from '../../../graph/fusion.js';
import {
  type ActivationLayer,
  type BatchNormLayer,
  type ConvolutionLayer,
  type DenseLayer,
  isICUnit,
  type Network,
  type PoolLayer,
  type ReluLayer,
} from '../../../graph/network.js';
import { inferShapes, type Shape } from '../../../graph/shapes.js';
import { layoutState, toMemory } from '../../../graph/stateLayout.js';
import type { Values } from '../../values.js';
import type { PeerOperation } from '../peer.js';
import { type Backend, backendOperation, paddingOf } from './backend.js';

/** The outputs of the layers so far, by name. */
export type Activations = Map<string, tf.Tensor>;

/** A network's parameters in TensorFlow.js' layouts: filters HWIO, dense weights [in, out]. */
export function networkTensors(network: Network, state: ReadonlyMap<string, Float32Array>): Map<string, tf.Tensor> {
  const { trained, statistics } = layoutState(network);
  const parameters = [...trained, ...statistics].map((entry): [string, tf.Tensor] => {
    const { name, axes, order, role } = entry;
    const sizes = order.map((axis) => axes[axis]!);
    const outputs = sizes.at(-1)!;
    const shape = role === 'denseWeight' ? [entry.count / outputs, outputs] : sizes;
    return [name, tf.tensor(toMemory(entry, state.get(name)!), shape)];
  });
  return new Map(parameters);
}

/**
 * The same network for inference, as fast as TensorFlow.js' operations make it: batch norm's scale goes into the filters,
 * its shift into the bias of the fused convolution. The IC unit takes the scale too, as relu lets positive factors through;
 * the shift follows it.
 *
 * @throws Error for a batch norm whose scale is not positive behind an IC convolution
 */
export function makeInference(
  backend: Backend,
  network: Network,
  batch: number,
  state: ReadonlyMap<string, Float32Array>,
  images: Values,
): PeerOperation {
  const shapes = inferShapes(network, batch);
  const given = networkTensors(network, state);
  const groups = fuseLayers(network, (layer) => isConvolution(layer) || layer.kind === 'add', { endsIn: fusesSigmoid });
  const steps = groups.map((group) => inferenceStep(group, shapes, given));
  tf.dispose([...given.values()]);
  const input = tf.tensor4d(images, [...shapes.get('input')!]);
  const run = (): tf.Tensor => {
    const activations: Activations = new Map([['input', input]]);
    for (const step of steps) step.run(activations);
    return activations.get(groups.at(-1)!.output)!;
  };
  return backendOperation(backend, [input, ...steps.flatMap(({ tensors }) => tensors)], run);
}

/** Of the activations besides ReLUs it fuses a sigmoid with a convolution. */
const fusesSigmoid: EndsIn = (layer, { head, add }) =>
  layer.kind === 'activation' &&
  layer.function === 'sigmoid' &&
  head.kind === 'convolution' &&
  head.adjust === 'none' &&
  add === undefined;

interface InferenceStep {
  readonly tensors: readonly tf.Tensor[];
  run(activations: Activations): void;
}

function inferenceStep(
  group: FusedLayers,
  shapes: ReadonlyMap<string, Shape>,
  parameters: ReadonlyMap<string, tf.Tensor>,
): InferenceStep {
  const { head, output } = group;
  const step = (tensors: readonly tf.Tensor[], compute: (...inputs: tf.Tensor[]) => tf.Tensor): InferenceStep => ({
    tensors,
    run: (activations) => {
      activations.set(output, compute(...head.inputs.map((name) => activations.get(name)!)));
    },
  });
  switch (head.kind) {
    case 'convolution':
      if (group.affine) throw new Error(`${group.affine.name}: an affine layer, of no network of the bench`);
      return convolutionStep(group, head, parameters, shapes.get(head.inputs[0]!)![3]);
    case 'add':
      return step([], (left, right) => {
        const sum = tf.add(left!, right!);
        return group.relu ? rectify(sum, group.relu) : sum;
      });
    case 'multiply':
      return step([], (left, right) => tf.mul(left!, right!));
    case 'activation': {
      const [three, sixth] = [tf.scalar(3), tf.scalar(1 / 6)];
      const hardSigmoid = (x: tf.Tensor): tf.Tensor => tf.mul(tf.relu6(tf.add(x, three)), sixth);
      return step([three, sixth], (x) => activate(x!, head, hardSigmoid));
    }
    case 'concat':
      return step([], (...inputs) => tf.concat(inputs, -1));
    case 'flatten':
      return step([], (x) => flatten(x as tf.Tensor4D));
    case 'softmax':
      return step([], (x) => tf.softmax(x!));
    case 'relu':
      return step([], (x) => rectify(x!, head));
    case 'maxPool':
    case 'meanPool':
      return step([], (x) => pool(head, x as tf.Tensor4D, shapes.get(head.inputs[0]!)!));
    case 'dense': {
      const [weight, bias] = denseParameters(head, parameters).map((tensor) => tensor && tf.clone(tensor));
      return step(bias ? [weight!, bias] : [weight!], (x) => dense(x!, weight!, bias));
    }
    case 'batchNorm':
      throw new Error(`${head.name}: a batch norm apart from its convolution`);
    default:
      throw new Error(`${head.name}: a ${head.kind}, of no network of the bench`);
  }
}

function convolutionStep(
  group: FusedLayers,
  layer: ConvolutionLayer,
  parameters: ReadonlyMap<string, tf.Tensor>,
  inChannels: number,
): InferenceStep {
  const depthwise = layer.groups > 1;
  if (depthwise && (layer.groups !== inChannels || layer.outChannels !== inChannels)) {
    throw new Error(`${layer.name}: TensorFlow.js has no convolution in groups of several channels`);
  }
  const { filter, adjust, shift } = foldedConvolution(group.norm, layer, parameters, depthwise);
  const strides: [number, number] = [...layer.stride];
  const pad = paddingOf(layer.padding);
  const ones = adjust && tf.ones<tf.Rank.R4>([...layer.kernel, depthwise ? inChannels : 1, 1]);
  const convolve = depthwise ? tf.depthwiseConv2d : tf.conv2d;
  const run = (x: tf.Tensor4D, residual: tf.Tensor | undefined): tf.Tensor => {
    if (adjust) {
      const z = convolve(x, filter, strides, pad);
      const excess = tf.relu(tf.sub(z, tf.mul(adjust, windowSums(x, layer, ones!))));
      const y = tf.add(residual ? tf.addN([z, excess, residual]) : tf.add(z, excess), shift);
      return group.relu ? rectify(y, group.relu) : y;
    }
    const ending = group.ending && ({ activation: 'sigmoid' } as const);
    const end = group.relu && !residual ? { activation: activationName(group.relu) } : ending;
    const fused = { x, filter, strides, bias: shift, ...end };
    // Its type wants one number for all sides.
    const y = depthwise
      ? tf.fused.depthwiseConv2d({ ...fused, pad: layer.padding[0] })
      : tf.fused.conv2d({ ...fused, pad });
    if (!residual) return y;
    const sum = tf.add(y, residual);
    return group.relu ? rectify(sum, group.relu) : sum;
  };
  return {
    tensors: [filter, shift, ...(adjust ? [adjust, ones!] : [])],
    run(activations) {
      const x = activations.get(layer.inputs[0]!) as tf.Tensor4D;
      activations.set(group.output, run(x, group.residual === undefined ? undefined : activations.get(group.residual)));
    },
  };
}

interface FoldedConvolution {
  readonly filter: tf.Tensor4D;
  readonly shift: tf.Tensor1D;
  readonly adjust?: tf.Tensor1D;
}

/** Filter, recalibration weights and bias, with the batch norm behind them taken in where there is one. */
function foldedConvolution(
  norm: BatchNormLayer | undefined,
  layer: ConvolutionLayer,
  parameters: ReadonlyMap<string, tf.Tensor>,
  depthwise: boolean,
): FoldedConvolution {
  const of = (name: string): tf.Tensor => parameters.get(name)!;
  if (!norm && layer.bias && layer.adjust === 'none' && !depthwise) {
    const [filter, shift] = [tf.clone(of(`${layer.name}.weight`)), tf.clone(of(`${layer.name}.bias`))];
    return { filter: filter as tf.Tensor4D, shift: shift as tf.Tensor1D };
  }
  if (!norm || layer.bias || layer.adjust === 'input') {
    throw new Error(`${layer.name}: only convolutions with either a batch norm or a bias are built here`);
  }
  return tf.tidy(() => {
    const deviation = tf.sqrt(tf.add(of(`${norm.name}.running_var`), norm.epsilon));
    const scale = tf.div(of(`${norm.name}.weight`), deviation);
    const shift = tf.sub(of(`${norm.name}.bias`), tf.mul(of(`${norm.name}.running_mean`), scale));
    const scaled = tf.mul(of(`${layer.name}.weight`), scale);
    const filter = depthwise ? tf.reshape(scaled, [...layer.kernel, layer.outChannels, 1]) : scaled;
    const folded = { filter: filter as tf.Tensor4D, shift: shift as tf.Tensor1D };
    if (layer.adjust === 'none') return folded;
    return { ...folded, adjust: tf.mul(of(`${layer.name}.adjust`), scale) as tf.Tensor1D };
  });
}

/**
 * The input's sums under the windows: first over the channels, then by a convolution of one channel with ones; of a depthwise
 * convolution each channel's own.
 */
export function windowSums(x: tf.Tensor4D, layer: ConvolutionLayer, ones: tf.Tensor4D): tf.Tensor4D {
  if (layer.offset) throw new Error(`${layer.name}: an offset, of no network of the bench`);
  if (layer.groups > 1) return tf.depthwiseConv2d(x, ones, [...layer.stride], paddingOf(layer.padding));
  const sums = tf.sum<tf.Tensor4D>(x, 3, true);
  if ([...layer.kernel, ...layer.stride].every((size) => size === 1)) return sums;
  return tf.conv2d(sums, ones, [...layer.stride], paddingOf(layer.padding));
}

/** ReLU, or ReLU6. */
export function rectify(x: tf.Tensor, layer: ReluLayer): tf.Tensor {
  return activationName(layer) === 'relu6' ? tf.relu6(x) : tf.relu(x);
}

function activationName({ name, maximum }: ReluLayer): 'relu' | 'relu6' {
  if (maximum !== undefined && maximum !== 6) throw new Error(`${name}: TensorFlow.js fuses no bound but 6`);
  return maximum === undefined ? 'relu' : 'relu6';
}

/** The activations of MobileNetV3 and EfficientNet, as TensorFlow.js' operations make them. */
function activate(x: tf.Tensor, layer: ActivationLayer, hardSigmoid: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
  switch (layer.function) {
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'silu':
      return tf.mul(x, tf.sigmoid(x));
    case 'hardSigmoid':
      return hardSigmoid(x);
    case 'hardSwish':
      return tf.mul(x, hardSigmoid(x));
    default:
      throw new Error(`${layer.name}: ${layer.function} is of no network of the bench`);
  }
}

export function pool(layer: PoolLayer, x: tf.Tensor4D, [, height, width]: Shape): tf.Tensor4D {
  if (layer.kernel === 'global') {
    if (layer.kind === 'meanPool') return tf.mean<tf.Tensor4D>(x, [1, 2], true);
    return tf.maxPool(x, [height, width], 1, 'valid');
  }
  if (layer.ceilMode) throw new Error(`${layer.name}: TensorFlow.js rounds sizes down`);
  if (layer.kind === 'meanPool' && layer.countPadding !== false && paddingOf(layer.padding) !== 'valid') {
    throw new Error(`${layer.name}: TensorFlow.js leaves padding out of its means`);
  }
  const pooling = layer.kind === 'maxPool' ? tf.maxPool : tf.avgPool;
  return pooling(x, [...layer.kernel], [...layer.stride], paddingOf(layer.padding));
}

export function denseParameters(
  layer: DenseLayer,
  parameters: ReadonlyMap<string, tf.Tensor>,
): [weight: tf.Tensor, bias: tf.Tensor | undefined] {
  const { name, bias } = layer;
  if (isICUnit(layer)) throw new Error(`${name}: a fully connected unit, of no network of the bench`);
  return [parameters.get(`${name}.weight`)!, bias ? parameters.get(`${name}.bias`)! : undefined];
}

export function dense(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor | undefined): tf.Tensor2D {
  const a = tf.reshape(x, [x.shape[0]!, -1]) as tf.Tensor2D;
  const b = weight as tf.Tensor2D;
  return bias ? (tf.fused.matMul({ a, b, bias }) as tf.Tensor2D) : tf.matMul(a, b);
}

export function flatten(x: tf.Tensor4D): tf.Tensor2D {
  return tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [x.shape[0], -1]);
}
