import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { type Padding, sidesOf } from '../../../ops/windows.js';
import { lendDevice } from '../lendDevice.js';
import type { PeerOperation, PeerSetting } from '../peer.js';

/** TensorFlow.js on the device that ours runs on. */
export interface Backend {
  /** Whether waiting for it is as Dawn does it, without this package's naps. */
  readonly awake: boolean;
  /** Submits what TensorFlow.js has put off. */
  flush(): void;
  /** Starts afresh without the buffers that TensorFlow.js keeps for later; no tensor may be alive. */
  reset(): Promise<void>;
}

/** Makes a device the backend of TensorFlow.js. */
export async function openBackend({ device, naps }: PeerSetting): Promise<Backend> {
  // It asks whether there is a navigator.gpu, and nothing more of it.
  if (!globalThis.navigator?.gpu) lendDevice(device);
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
    awake: !naps,
    flush() {
      backend!.ensureCommandEncoderReady();
      backend!.endComputePassEncoder();
      backend!.submitQueue();
    },
    reset: start,
  };
}

/**
 * An operation that is run again and again.
 *
 * @param inputs - disposed of with it
 */
export function backendOperation(
  { awake, flush }: Backend,
  inputs: readonly tf.Tensor[],
  run: () => tf.Tensor,
): PeerOperation {
  return {
    awake,
    submit(runs) {
      for (let i = 0; i < runs; i++) tf.dispose(tf.tidy(run));
      flush();
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
export function paddingOf(padding: Padding): 'valid' | tf.backend_util.ExplicitPadding {
  const [top, left, bottom, right] = sidesOf(padding);
  if (padding.every((size) => size === 0)) return 'valid';
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}
