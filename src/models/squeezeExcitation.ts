import type { Layer } from '../graph/network.js';
import { type Behind, convolution, globalMean } from './layers.js';

/** How channels are recalibrated. */
export interface Excitation {
  /** Channels between the two convolutions. */
  readonly squeezed: number;
  /** Between them. */
  readonly activation: Behind;
  /** Behind them: what makes factors of 0 to 1. */
  readonly gate: Behind;
}

/** Squeeze-and-excitation (Hu et al., 2018): each channel times a factor that the means of all channels decide. */
export function squeezeExcitation(
  name: string,
  input: string,
  channels: number,
  { squeezed, activation, gate }: Excitation,
): Layer[] {
  const step = { kernel: 1, stride: 1, bias: true };
  return [
    globalMean(`${name}.avgpool`, input),
    convolution(`${name}.fc1`, `${name}.avgpool`, { ...step, outChannels: squeezed }),
    activation(`${name}.activation`, `${name}.fc1`),
    convolution(`${name}.fc2`, `${name}.activation`, { ...step, outChannels: channels }),
    gate(`${name}.gate`, `${name}.fc2`),
    { kind: 'multiply', name: `${name}.scale`, inputs: [input, `${name}.gate`] },
  ];
}
