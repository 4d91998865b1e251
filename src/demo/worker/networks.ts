import type { Network } from '../../graph/network.js';
import type { ImageDataset } from '../../io/dataset.js';
import { finished, hasICConvolutions, plainForm } from '../../models/icForm.js';
import { cifarResNet } from '../../models/resnet.js';
import type { Role, TrainingSettings } from '../protocol.js';

/** The networks that the settings ask for. */
export function settingsNetworks(
  { depth, width, stemStride, adjust }: TrainingSettings,
  { height, width: pictureWidth, channels, classes }: ImageDataset,
): Record<Role, Network> {
  const input = { height, width: pictureWidth, channels };
  return twins(cifarResNet({ depth, width, stemStride, ic: false, input, classes }), adjust);
}

/** A network and its other form; `adjust` is that of an IC form that is made here. */
export function twins(network: Network, adjust: TrainingSettings['adjust']): Record<Role, Network> {
  return roleOf(network) === 'ic'
    ? { ic: network, plain: plainForm(network) }
    : { ic: finished({ ic: true, adjust }, network), plain: network };
}

/** Which of the two a network is. */
export function roleOf(network: Network): Role {
  return hasICConvolutions(network) ? 'ic' : 'plain';
}
