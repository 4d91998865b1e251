import { ShapeError } from '../errors.js';
import type { Layer, Network } from '../graph/network.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { add, batchNorm, convolution, dense, globalMean, nameOfLast, normalised, relu6 } from './layers.js';
import { inEights } from './widths.js';

export interface MobileNetV2Options extends NetworkOptions {
  /** What every number of channels is multiplied by, 1 unless told; the results are multiples of 8. */
  readonly widthMultiplier?: number;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one MobileNetV2 differs from another in. */
export interface MobileNetForm {
  readonly name: string;
  readonly stages: readonly Stage[];
  readonly widthMultiplier: number;
  /** Channels ahead of the classifier. */
  readonly last: number;
}

/** Blocks of one width. */
interface Stage {
  /** Channels of the depthwise convolution for every one of the block's input. */
  readonly expansion: number;
  readonly outChannels: number;
  readonly blocks: number;
  /** Of the stage's first block; the others have stride 1. */
  readonly stride: number;
}

const stages: readonly Stage[] = [
  { expansion: 1, outChannels: 16, blocks: 1, stride: 1 },
  { expansion: 6, outChannels: 24, blocks: 2, stride: 2 },
  { expansion: 6, outChannels: 32, blocks: 3, stride: 2 },
  { expansion: 6, outChannels: 64, blocks: 4, stride: 2 },
  { expansion: 6, outChannels: 96, blocks: 3, stride: 1 },
  { expansion: 6, outChannels: 160, blocks: 3, stride: 2 },
  { expansion: 6, outChannels: 320, blocks: 1, stride: 1 },
];

/**
 * MobileNetV2 (Sandler et al., 2018) with torchvision's names, 224x224x3 and 1000 classes unless told: inverted residual
 * blocks, each a pointwise convolution that widens, a depthwise one, and a pointwise one that narrows, without ReLU. The
 * dropout ahead of the classifier is left out: nothing at inference, and a choice of ours in training.
 *
 * @throws ShapeError where a size does not make a network (named by the layer it reaches)
 */
export function mobileNetV2(options: MobileNetV2Options): Network {
  const { widthMultiplier = 1 } = options;
  if (!(widthMultiplier > 0 && Number.isFinite(widthMultiplier))) {
    throw new ShapeError({
      operation: 'mobileNetV2',
      parameter: 'widthMultiplier',
      expected: 'a positive number',
      got: String(widthMultiplier),
    });
  }
  const name = `mobilenet-v2${widthMultiplier === 1 ? '' : `-${widthMultiplier}`}`;
  return mobileNetwork({ name, stages, widthMultiplier, last: 1280 }, options);
}

/** A MobileNetV2 of any form. */
export function mobileNetwork(form: MobileNetForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const { widthMultiplier } = form;
  let channels = inEights(32 * widthMultiplier);
  const layers = normalised('features.0', 'input', { outChannels: channels, kernel: 3, stride: 2 }, relu6);
  let index = 1;
  for (const { expansion, outChannels, blocks, stride } of form.stages) {
    const wanted = inEights(outChannels * widthMultiplier);
    for (let block = 0; block < blocks; block++) {
      const shape = { inChannels: channels, outChannels: wanted, expansion, stride: block === 0 ? stride : 1 };
      layers.push(...invertedResidual(`features.${index}`, nameOfLast(layers), shape));
      channels = wanted;
      index++;
    }
  }
  const last = inEights(form.last * Math.max(1, widthMultiplier));
  layers.push(
    ...normalised(`features.${index}`, nameOfLast(layers), { outChannels: last, kernel: 1, stride: 1 }, relu6),
  );
  layers.push(globalMean('avgpool', nameOfLast(layers)), dense('classifier.1', 'avgpool', classes));
  return finished(options, { name: form.name, input, layers });
}

interface BlockShape {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly expansion: number;
  readonly stride: number;
}

function invertedResidual(name: string, input: string, shape: BlockShape): Layer[] {
  const { inChannels, outChannels, expansion, stride } = shape;
  const hidden = inChannels * expansion;
  const widened =
    expansion === 1 ? [] : normalised(`${name}.conv.0`, input, { outChannels: hidden, kernel: 1, stride: 1 }, relu6);
  let index = widened.length > 0 ? 1 : 0;
  const step = { outChannels: hidden, kernel: 3, stride, groups: hidden };
  const depthwise = normalised(`${name}.conv.${index}`, widened.at(-1)?.name ?? input, step, relu6);
  index++;
  const narrowed = [
    convolution(`${name}.conv.${index}`, nameOfLast(depthwise), { outChannels, kernel: 1, stride: 1 }),
    batchNorm(`${name}.conv.${index + 1}`, `${name}.conv.${index}`),
  ];
  const keepsShape = stride === 1 && inChannels === outChannels;
  const sum = keepsShape ? [add(`${name}.add`, nameOfLast(narrowed), input)] : [];
  return [...widened, ...depthwise, ...narrowed, ...sum];
}
