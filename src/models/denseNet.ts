import { ShapeError } from '../errors.js';
import type { Layer, Network } from '../graph/network.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { batchNorm, convolution, dense, globalMean, nameOfLast, pool, relu } from './layers.js';

/** Layers with weights of the published DenseNets. */
export type DenseNetDepth = 121 | 161 | 169 | 201;

export interface DenseNetOptions extends NetworkOptions {
  /** Layers with weights. */
  readonly depth: DenseNetDepth;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one DenseNet differs from another in. */
export interface DenseNetForm {
  readonly name: string;
  /** Channels of the stem. */
  readonly stem: number;
  /** Channels that every layer adds. */
  readonly growth: number;
  /** Layers of each block. */
  readonly blocks: readonly number[];
}

const forms: Readonly<Record<DenseNetDepth, Omit<DenseNetForm, 'name'>>> = {
  121: { stem: 64, growth: 32, blocks: [6, 12, 24, 16] },
  161: { stem: 96, growth: 48, blocks: [6, 12, 36, 24] },
  169: { stem: 64, growth: 32, blocks: [6, 12, 32, 32] },
  201: { stem: 64, growth: 32, blocks: [6, 12, 48, 32] },
};

/** Channels between the two convolutions of a layer, for every one that it adds. */
const bottleneck = 4;

/**
 * DenseNet (Huang et al., 2017) with torchvision's names, 224x224x3 and 1000 classes unless told: every layer of a block reads
 * the block's input and what all layers before it gave, side by side; batch norm and ReLU stand ahead of the convolutions.
 *
 * @throws ShapeError where the depth is another, or a size does not make a network (named by the layer it reaches)
 */
export function denseNet(options: DenseNetOptions): Network {
  const form = forms[options.depth];
  if (form === undefined) {
    const expected = Object.keys(forms).join(', ');
    throw new ShapeError({ operation: 'denseNet', parameter: 'depth', expected, got: String(options.depth) });
  }
  return denseNetwork({ name: `densenet${options.depth}`, ...form }, options);
}

/** A DenseNet of any form. */
export function denseNetwork(form: DenseNetForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const layers: Layer[] = [
    convolution('features.conv0', 'input', { outChannels: form.stem, kernel: 7, stride: 2 }),
    batchNorm('features.norm0', 'features.conv0'),
    relu('features.relu0', 'features.norm0'),
    pool('maxPool', 'features.pool0', 'features.relu0', { kernel: 3, stride: 2, padding: 1 }),
  ];
  let channels = form.stem;
  form.blocks.forEach((count, block) => {
    for (let index = 1; index <= count; index++) {
      layers.push(...denseLayer(`features.denseblock${block + 1}.denselayer${index}`, nameOfLast(layers), form.growth));
    }
    channels += count * form.growth;
    if (block === form.blocks.length - 1) return;
    channels = Math.floor(channels / 2);
    layers.push(...transition(`features.transition${block + 1}`, nameOfLast(layers), channels));
  });
  layers.push(
    batchNorm('features.norm5', nameOfLast(layers)),
    relu('relu', 'features.norm5'),
    globalMean('avgpool', 'relu'),
    dense('classifier', 'avgpool', classes),
  );
  return finished(options, { name: form.name, input, layers });
}

/** What a layer adds, and it behind what it read. */
function denseLayer(name: string, input: string, growth: number): Layer[] {
  return [
    batchNorm(`${name}.norm1`, input),
    relu(`${name}.relu1`, `${name}.norm1`),
    convolution(`${name}.conv1`, `${name}.relu1`, { outChannels: bottleneck * growth, kernel: 1, stride: 1 }),
    batchNorm(`${name}.norm2`, `${name}.conv1`),
    relu(`${name}.relu2`, `${name}.norm2`),
    convolution(`${name}.conv2`, `${name}.relu2`, { outChannels: growth, kernel: 3, stride: 1 }),
    { kind: 'concat', name: `${name}.concat`, inputs: [input, `${name}.conv2`] },
  ];
}

/** From block to block: half the channels, half the image. */
function transition(name: string, input: string, outChannels: number): Layer[] {
  return [
    batchNorm(`${name}.norm`, input),
    relu(`${name}.relu`, `${name}.norm`),
    convolution(`${name}.conv`, `${name}.relu`, { outChannels, kernel: 1, stride: 1 }),
    pool('meanPool', `${name}.pool`, `${name}.conv`, { kernel: 2, stride: 2 }),
  ];
}
