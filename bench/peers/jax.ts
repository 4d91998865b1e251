import * as jax from '@jax-js/jax';
// The package does not export this file, and what is bundled here is what runs.
import jaxPackage from '../../node_modules/@jax-js/jax/package.json' with { type: 'json' };
import type { ConvolutionPass } from '../../src/compare/ours.js';
import { lendDevice } from '../../src/compare/peers/lendDevice.js';
import { type OpenPeers, type PeerOperation, waitingOnDevice } from '../../src/compare/peers/peer.js';
import type { Values } from '../../src/compare/values.js';
import { toMemory } from '../../src/graph/stateLayout.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import { jaxInference } from './jax/inference.js';
import { convolution, jaxOperation, tensor } from './jax/operation.js';
import { jaxTraining } from './jax/training.js';
import { convolutionState, filterPlace, fromPlanes, toPlanes } from './layouts.js';

/** jax-js with its WebGPU backend on the bench's device. */
export const open: OpenPeers = async (setting) => {
  const { device, naps } = setting;
  lendDevice(device);
  await jax.init('webgpu');
  jax.defaultDevice('webgpu');
  if (jax.getWebGPUDevice() !== device) throw new Error('jax-js runs on another device than the one lent to it');
  const awake = !naps;
  const pass = (name: ConvolutionPass) => (shape: CompleteConvolution, values: Readonly<Record<string, Values>>) =>
    jaxConvolution(awake, name, shape, values);
  return [
    {
      library: 'jax',
      name: 'jax-js',
      version: jaxPackage.version,
      waiting: waitingOnDevice(setting),
      sharesDevice: true,
      convolution: {
        forward: pass('forward'),
        inputGradient: pass('inputGradient'),
        filterGradient: pass('filterGradient'),
      },
      inference: (...given) => jaxInference(awake, ...given),
      training: (...given) => jaxTraining(awake, ...given),
    },
  ];
};

/** A pass of a convolution; gradients are those that jax-js derives, of a convolution that itself is not computed. */
function jaxConvolution(
  awake: boolean,
  pass: ConvolutionPass,
  shape: CompleteConvolution,
  values: Readonly<Record<string, Values>>,
): PeerOperation {
  const { outHeight, outWidth } = checkConvolution('bench', shape);
  const { batch, inHeight, inWidth, inChannels, outChannels, kernel, groups } = shape;
  const inputShape = [batch, inChannels, inHeight, inWidth];
  const filterShape = [outChannels, inChannels / groups, ...kernel];
  const convolve = (x: jax.Array, w: jax.Array): jax.Array => convolution(x, w, shape);
  const input = () => tensor(toPlanes(values.input!, batch, inChannels), inputShape);
  const filter = () => tensor(convolutionState(shape, values).get('convolution.weight')!, filterShape);
  const gradient = () =>
    tensor(toPlanes(values.gradient!, batch, outChannels), [batch, outChannels, outHeight, outWidth]);
  switch (pass) {
    case 'forward':
      return jaxOperation(awake, jax.jit(convolve), [input(), filter()], (data) =>
        fromPlanes(data, batch, outChannels),
      );
    case 'inputGradient': {
      const run = jax.jit((w: jax.Array, dy: jax.Array) => pullBack((x) => convolve(x, w), inputShape, dy));
      return jaxOperation(awake, run, [filter(), gradient()], (data) => fromPlanes(data, batch, inChannels));
    }
    case 'filterGradient': {
      const run = jax.jit((x: jax.Array, dy: jax.Array) => pullBack((w) => convolve(x, w), filterShape, dy));
      return jaxOperation(awake, run, [input(), gradient()], (data) => toMemory(filterPlace(shape), data));
    }
  }
}

/** The gradient of a linear function of a tensor. */
function pullBack(linear: (x: jax.Array) => jax.Array, shape: number[], gradient: jax.Array): jax.Array {
  const [y, back] = jax.vjp(linear, [jax.numpy.zeros(shape)]);
  y.dispose();
  const [result] = back(gradient);
  back.dispose();
  return result as jax.Array;
}
