import type { Layer } from '../graph/network.js';
import { add, type Behind, batchNorm, convolution, nameOfLast, normalised } from './layers.js';
import { type Excitation, squeezeExcitation } from './squeezeExcitation.js';

/** An inverted residual block with torchvision's names of MobileNetV3 and EfficientNet. */
export interface InvertedResidual {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Channels of the depthwise convolution. */
  readonly expanded: number;
  /** Of the depthwise convolution. */
  readonly kernel: number;
  readonly stride: number;
  readonly activation: Behind;
  /** PyTorch's defaults where left out. */
  readonly norm?: Behind;
  /** Behind the depthwise convolution. */
  readonly excitation?: Excitation;
}

/** A convolution that widens, where that is asked for, a depthwise one, its recalibration, one that narrows, and the sum. */
export function invertedResidual(name: string, input: string, block: InvertedResidual): Layer[] {
  const { inChannels, outChannels, expanded, kernel, stride, activation, norm = batchNorm, excitation } = block;
  const layers: Layer[] = [];
  let index = 0;
  const append = (make: (name: string, input: string) => readonly Layer[]): void => {
    layers.push(...make(`${name}.block.${index++}`, layers.at(-1)?.name ?? input));
  };
  const pointwise = { kernel: 1, stride: 1 };
  if (expanded !== inChannels) {
    append((part, from) => normalised(part, from, { ...pointwise, outChannels: expanded }, activation, norm));
  }
  const depthwise = { outChannels: expanded, kernel, stride, groups: expanded };
  append((part, from) => normalised(part, from, depthwise, activation, norm));
  if (excitation) append((part, from) => squeezeExcitation(part, from, expanded, excitation));
  append((part, from) => [
    convolution(`${part}.0`, from, { ...pointwise, outChannels }),
    norm(`${part}.1`, `${part}.0`),
  ]);
  const keepsShape = stride === 1 && inChannels === outChannels;
  return keepsShape ? [...layers, add(`${name}.add`, nameOfLast(layers), input)] : layers;
}
