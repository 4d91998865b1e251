import { openPeer, type Peer } from '../../../../bench/peer.js';
import { peerInference } from '../../../../bench/peerNetwork.js';
import { median } from '../../../../bench/statistics.js';
import { timePair } from '../../../../bench/timing.js';
import type { PeerRunner } from './peers.js';

let opened: { readonly device: GPUDevice; readonly peer: Peer } | undefined;

/** TensorFlow.js on the device that ours runs on. */
export const tensorflowPeer: PeerRunner = {
  name: 'tensorflow',
  title: 'TensorFlow.js',
  async time(device, network, values, images, seconds) {
    if (opened?.device !== device) opened = { device, peer: await openPeer(navigator.gpu, device, true) };
    const inference = peerInference(opened.peer, network, 1, values, images);
    try {
      await inference.output();
      return median((await timePair(device, inference, undefined, { seconds })).ours);
    } finally {
      inference.dispose();
    }
  },
};
