import { openDevice } from '../src/device/node.js';
import { coldNetwork, coldValues, reportLogits } from './cold.js';
import { openPeer } from './peer.js';
import { peerInference } from './peerNetwork.js';

/*
 * A process that does one inference with TensorFlow.js and says what came out.
 * Argument: the adapter.
 */
const { device, gpu, close } = await openDevice({ adapter: process.argv[2]! });
const peer = await openPeer(gpu, device);
const { state, images } = coldValues();
reportLogits(await peerInference(peer, coldNetwork, 1, state, images).output());
close();
