import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import type { ConvolutionShape } from '../src/ops/convolution.js';
import { checkConvolution } from '../src/ops/convolution.js';
import { isDepthwise } from '../src/ops/depthwiseForm.js';
import type { ConvolutionPass } from './ours.js';
import type { Contender } from './timing.js';
import type { Values } from './values.js';

/** TensorFlow.js on the device that ours runs on. */
export interface Peer {
  readonly device: GPUDevice;
  /** Whether waiting for it is as Dawn does it, without this package's naps. */
  readonly awake: boolean;
  /** Submits what TensorFlow.js has put off. */
  flush(): void;
  /** Starts afresh without the buffers that TensorFlow.js keeps for later; no tensor may be alive. */
  reset(): Promise<void>;
}

/** An operation of TensorFlow.js with its inputs. */
export interface PeerOperation extends Contender {
  output(): Promise<Float32Array>;
  dispose(): void;
}

/**
 * Makes a device the backend of TensorFlow.js.
 *
 * @param naps - whether it profits from the naps of this package's devices, which its users do not have
 */
export async function openPeer(gpu: GPU, device: GPUDevice, naps: boolean): Promise<Peer> {
  if (!globalThis.navigator?.gpu) {
    // TensorFlow.js asks whether there is a navigator.gpu, and nothing more of it.
    const given: object = globalThis.navigator ?? {};
    const navigator = Object.assign(Object.create(given) as object, { gpu, userAgent: 'Node.js' });
    Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  }
  let backend: WebGPUBackend | undefined;
  const start = async (): Promise<void> => {
    // Where there is a navigator.gpu, TensorFlow.js has made a backend with a device of its own ready.
    if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu');
    tf.registerBackend('webgpu', () => {
      backend = new WebGPUBackend(device, device.adapterInfo);
      return backend;
    });
    await tf.setBackend('webgpu');
  };
  await start();
  return {
    device,
    awake: !naps,
    flush() {
      backend!.ensureCommandEncoderReady();
      backend!.endComputePassEncoder();
      backend!.submitQueue();
    },
    async reset() {
      await start();
    },
  };
}

/**
 * An operation that is run again and again.
 *
 * @param inputs - disposed of with it
 */
export function peerOperation(peer: Peer, inputs: readonly tf.Tensor[], run: () => tf.Tensor): PeerOperation {
  return {
    awake: peer.awake,
    submit(runs) {
      for (let i = 0; i < runs; i++) tf.dispose(tf.tidy(run));
      peer.flush();
    },
    async output() {
      const result = tf.tidy(run);
      const data = (await result.data()) as Float32Array;
      result.dispose();
      return data;
    },
    dispose() {
      tf.dispose([...inputs]);
    },
  };
}

/** Padding as TensorFlow.js takes it; `valid` opens its path of matrix products to 1x1 filters. */
export function paddingOf([height, width]: readonly [number, number]): 'valid' | tf.backend_util.ExplicitPadding {
  if (height === 0 && width === 0) return 'valid';
  return [
    [0, 0],
    [height, height],
    [width, width],
    [0, 0],
  ];
}

/** A pass of a convolution in TensorFlow.js' own operations. */
export function peerConvolution(
  peer: Peer,
  shape: ConvolutionShape,
  pass: ConvolutionPass,
  values: Readonly<Record<string, Values>>,
): PeerOperation {
  const { outHeight, outWidth } = checkConvolution('bench', shape);
  const { batch, inHeight, inWidth, inChannels, outChannels, kernel, stride } = shape;
  const pad = paddingOf(shape.padding);
  const strides: [number, number] = [...stride];
  const inputShape: [number, number, number, number] = [batch, inHeight, inWidth, inChannels];
  const depthwise = isDepthwise(shape);
  if (shape.groups > 1 && !depthwise) throw new Error('TensorFlow.js has no convolution in groups of several channels');
  const filterShape: [number, number, number, number] = depthwise
    ? [...kernel, inChannels, 1]
    : [...kernel, inChannels, outChannels];
  const settings = { strides, pad, dataFormat: 'NHWC', dilations: [1, 1] };
  const input = () => tf.tensor4d(values.input!, inputShape);
  const filter = () => tf.tensor4d(values.filter!, filterShape);
  const gradient = () => tf.tensor4d(values.gradient!, [batch, outHeight, outWidth, outChannels]);
  switch (pass) {
    case 'forward': {
      const [x, w] = [input(), filter()];
      const convolve = depthwise ? tf.depthwiseConv2d : tf.conv2d;
      return peerOperation(peer, [x, w], () => convolve(x, w, strides, pad));
    }
    case 'inputGradient': {
      const [dy, w] = [gradient(), filter()];
      if (depthwise) {
        return kernelOperation(
          peer,
          tf.DepthwiseConv2dNativeBackpropInput,
          { dy, filter: w },
          { ...settings, inputShape },
        );
      }
      return peerOperation(peer, [dy, w], () => tf.conv2dTranspose(dy, w, inputShape, strides, pad));
    }
    case 'filterGradient': {
      const [x, dy] = [input(), gradient()];
      const kernelName = depthwise ? tf.DepthwiseConv2dNativeBackpropFilter : tf.Conv2DBackpropFilter;
      return kernelOperation(peer, kernelName, { x, dy }, { ...settings, filterShape });
    }
  }
}

/** A kernel that no function of the public interface runs, but the gradient of one does. */
function kernelOperation(
  peer: Peer,
  name: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: tf.NamedAttrMap,
): PeerOperation {
  const run = (): tf.Tensor => tf.engine().runKernel(name, { ...inputs }, attributes) as tf.Tensor;
  return peerOperation(peer, Object.values(inputs), run);
}
