import { stayAwake } from '../src/device/naps.js';
import { openDevice } from '../src/device/node.js';
import { coldNetwork, coldValues, reportLogits } from './cold.js';
import { openPeers, type PeerLibrary } from './peers/libraries.js';

/*
 * A process that does one inference with another library and says what came out.
 * Arguments: the adapter, `awake` or `naps` for how it waits, the library, and the name of its peer.
 */
const [adapter, waiting, library, name] = process.argv.slice(2) as [string, string, PeerLibrary, string];
const naps = waiting === 'naps';
const { device, close } = await openDevice({ adapter, quiet: true });
stayAwake(device, !naps);
const peers = await openPeers([library], { device, naps });
const peer = peers.find((candidate) => candidate.name === name)!;
const { state, images } = coldValues();
const inference = await peer.inference!(coldNetwork, 1, state, images);
reportLogits(await inference.output());
close();
