import type { Network } from '../../graph/network.js';
import type { ImageDataset } from '../../io/dataset.js';
import { finished, hasICUnits, plainForm } from '../../models/icForm.js';
import { cifarResNet } from '../../models/resnet.js';
import type { TrainingSettings } from '../protocol.js';

/** A network, its other form, and one that is deeper where there is one. */
export interface RacingNetworks {
  readonly ic: Network;
  readonly plain: Network;
  readonly deep?: Network;
}

/** To the next of the family: one more block in each of its three groups. */
const deeperBy = 6;

/** The networks that the settings ask for. */
export function settingsNetworks(
  { depth, width, stemStride, adjust, offset, deeper }: TrainingSettings,
  { height, width: pictureWidth, channels, classes }: ImageDataset,
): RacingNetworks {
  const input = { height, width: pictureWidth, channels };
  const plainOf = (layers: number): Network =>
    cifarResNet({ depth: layers, width, stemStride, ic: false, input, classes });
  return { ...twins(plainOf(depth), { adjust, offset }), ...(deeper && { deep: plainOf(depth + deeperBy) }) };
}

/** A network and its other form; `unit` says what an IC form that is made here is like. */
export function twins(network: Network, unit: Pick<TrainingSettings, 'adjust' | 'offset'>): RacingNetworks {
  return roleOf(network) === 'ic'
    ? { ic: network, plain: plainForm(network) }
    : { ic: finished({ ic: true, adjust: unit.adjust, offset: unit.offset }, network), plain: network };
}

/** Which of the two a network is. */
export function roleOf(network: Network): 'ic' | 'plain' {
  return hasICUnits(network) ? 'ic' : 'plain';
}
