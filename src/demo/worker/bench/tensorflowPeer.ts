import { type Backend, openBackend } from '../../../../bench/peers/tensorflow/backend.js';
import { makeInference } from '../../../../bench/peers/tensorflow/network.js';
import { median } from '../../../../bench/statistics.js';
import { timePair } from '../../../../bench/timing.js';
import type { PeerRunner } from './peers.js';

let opened: { readonly device: GPUDevice; readonly backend: Backend } | undefined;

/** TensorFlow.js on the device that ours runs on. */
export const tensorflowPeer: PeerRunner = {
  name: 'tensorflow',
  title: 'TensorFlow.js',
  async time(device, network, values, images, seconds) {
    if (opened?.device !== device) opened = { device, backend: await openBackend({ device, naps: true }) };
    const inference = makeInference(opened.backend, network, 1, values, images);
    try {
      await inference.output();
      return median((await timePair(device, inference, undefined, { seconds })).ours);
    } finally {
      inference.dispose();
    }
  },
};
