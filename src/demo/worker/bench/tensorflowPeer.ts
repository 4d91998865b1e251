import { type Backend, openBackend } from '../../../compare/peers/tensorflow/backend.js';
import { makeInference } from '../../../compare/peers/tensorflow/network.js';
import { timePair } from '../../../measure/samples.js';
import { median } from '../../../measure/statistics.js';
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
