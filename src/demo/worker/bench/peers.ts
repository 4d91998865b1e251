import type { Values } from '../../../compare/values.js';
import type { Network } from '../../../graph/network.js';
import type { PeerTimes } from '../../protocol.js';

/** Another library that runs the same network. */
export interface PeerRunner {
  readonly name: keyof PeerTimes;
  readonly title: string;
  /** Milliseconds a picture. */
  time(
    device: GPUDevice,
    network: Network,
    values: ReadonlyMap<string, Float32Array>,
    images: Values,
    seconds: number,
  ): Promise<number>;
}
