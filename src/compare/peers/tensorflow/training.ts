import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import type { BatchNormLayer, ConvolutionLayer, Layer, Network } from '../../../graph/network.js';
import { inferShapes } from '../../../graph/shapes.js';
import { layoutState } from '../../../graph/stateLayout.js';
import type { TrainingSettings } from '../../ours.js';
import type { Values } from '../../values.js';
import type { PeerTraining } from '../peer.js';
import type { Backend } from './backend.js';
import {
  type Activations,
  dense,
  denseParameters,
  flatten,
  networkTensors,
  pool,
  rectify,
  windowSums,
} from './network.js';

/** The same network trained with TensorFlow.js: batch statistics, mean softmax cross entropy, SGD with momentum. */
export function makeTraining(
  { awake, flush }: Backend,
  network: Network,
  state: ReadonlyMap<string, Float32Array>,
  images: Values,
  labels: Uint32Array,
  settings: TrainingSettings,
): PeerTraining {
  const shapes = inferShapes(network, labels.length);
  const trainable = new Set(layoutState(network).trained.map(({ name }) => name));
  const variables = new Map<string, tf.Variable>();
  for (const [name, tensor] of networkTensors(network, state)) {
    variables.set(name, tf.variable(tensor, trainable.has(name)));
    tensor.dispose();
  }
  const trained = [...variables].filter(([name]) => trainable.has(name)).map(([, variable]) => variable);
  const ones = new Map(
    network.layers.flatMap((layer): [string, tf.Tensor4D][] =>
      layer.kind === 'convolution' && layer.adjust !== 'none'
        ? [[layer.name, tf.ones<tf.Rank.R4>([...layer.kernel, 1, 1])]]
        : [],
    ),
  );
  const last = network.layers.at(-1)!.name;
  const classes = shapes.get(last)![3];
  const input = tf.tensor4d(images, [...shapes.get('input')!]);
  const wanted = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(Int32Array.from(labels), 'int32'), classes), 'float32'));
  const optimiser = tf.train.momentum(settings.learningRate, settings.momentum);

  const loss = (): tf.Scalar => {
    const activations: Activations = new Map([['input', input]]);
    for (const layer of network.layers) {
      const inputs = layer.inputs.map((name) => activations.get(name)!);
      activations.set(layer.name, forward(layer, inputs));
    }
    return tf.losses.softmaxCrossEntropy(wanted, activations.get(last)!);
  };

  function forward(layer: Layer, inputs: tf.Tensor[]): tf.Tensor {
    const [x, other] = inputs;
    switch (layer.kind) {
      case 'convolution':
        return convolution(layer, x as tf.Tensor4D);
      case 'batchNorm':
        return normalise(layer, x as tf.Tensor4D);
      case 'relu':
        return rectify(x!, layer);
      case 'concat':
        return tf.concat(inputs, -1);
      case 'flatten':
        return flatten(x as tf.Tensor4D);
      case 'softmax':
        throw new Error(`${layer.name}: training works on the logits`);
      case 'add':
        return tf.add(x!, other!);
      case 'maxPool':
      case 'meanPool':
        return pool(layer, x as tf.Tensor4D, shapes.get(layer.inputs[0]!)!);
      case 'dense': {
        const [weight, bias] = denseParameters(layer, variables);
        return dense(x!, weight, bias);
      }
      default:
        throw new Error(`${layer.name}: a ${layer.kind}, of no network of the bench`);
    }
  }

  function convolution(layer: ConvolutionLayer, x: tf.Tensor4D): tf.Tensor {
    const filter = variables.get(`${layer.name}.weight`) as tf.Tensor4D;
    // An explicit padding has no gradient there; one number for all sides has.
    const z = tf.conv2d(x, filter, [...layer.stride], layer.padding[0]);
    if (layer.adjust === 'none') return z;
    const sums = windowSums(x, layer, ones.get(layer.name)!);
    return tf.add(z, tf.relu(tf.sub(z, tf.mul(variables.get(`${layer.name}.adjust`)!, sums))));
  }

  function normalise({ name, epsilon, momentum }: BatchNormLayer, x: tf.Tensor4D): tf.Tensor {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const count = x.size / x.shape[3];
    track(`${name}.running_mean`, mean, momentum, momentum);
    // Kept without bias, as PyTorch does.
    track(`${name}.running_var`, variance, momentum, (momentum * count) / (count - 1));
    const [scale, shift] = [variables.get(`${name}.weight`)!, variables.get(`${name}.bias`)!];
    return tf.batchNorm(
      x,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      shift as tf.Tensor1D,
      scale as tf.Tensor1D,
      epsilon,
    );
  }

  function track(name: string, batch: tf.Tensor, momentum: number, factor: number): void {
    const running = variables.get(name)!;
    running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(batch, factor)));
  }

  const minimise = (): tf.Scalar => optimiser.minimize(loss, true, trained)!;
  return {
    awake,
    submit(runs) {
      for (let run = 0; run < runs; run++) minimise().dispose();
      flush();
    },
    async step() {
      const cost = minimise();
      const [value] = await cost.data();
      cost.dispose();
      return value!;
    },
    dispose() {
      optimiser.dispose();
      tf.dispose([input, wanted, ...variables.values(), ...ones.values()]);
    },
  };
}
