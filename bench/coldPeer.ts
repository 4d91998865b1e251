import { stayAwake } from '../src/device/naps.js';
import { openDevice } from '../src/device/node.js';
import { coldNetwork, coldValues, reportLogits } from './cold.js';
import { openPeer } from './peer.js';
import { peerInference } from './peerNetwork.js';

/*
 * A process that does one inference with TensorFlow.js and says what came out.
 * Arguments: the adapter, and `awake` where waiting is as Dawn does it.
 */
const { device, gpu, close } = await openDevice({ adapter: process.argv[2]! });
const awake = process.argv[3] === 'awake';
stayAwake(device, awake);
const peer = await openPeer(gpu, device, !awake);
const { state, images } = coldValues();
reportLogits(await peerInference(peer, coldNetwork, 1, state, images).output());
close();
