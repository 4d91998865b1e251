import type { Network } from '../graph/network.js';
import { formOf } from './forms.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { invertedResidual } from './invertedResidual.js';
import { activation, type Behind, batchNorm, dense, globalMean, nameOfLast, normalised, relu } from './layers.js';
import { inEights } from './widths.js';

/** The published sizes of MobileNetV3. */
export type MobileNetV3Size = 'small' | 'large';

export interface MobileNetV3Options extends NetworkOptions {
  /** Which of them. */
  readonly size: MobileNetV3Size;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one MobileNetV3 differs from another in. */
export interface MobileNetV3Form {
  readonly name: string;
  readonly blocks: readonly Block[];
  /** Outputs of the first dense layer. */
  readonly hidden: number;
}

/** A row of the paper's tables: with a squeeze-and-excitation or without, ReLU or hard-swish. */
type Block = readonly [
  kernel: number,
  expanded: number,
  outChannels: number,
  excitation: 'SE' | '-',
  nonlinearity: 'RE' | 'HS',
  stride: number,
];

const forms: Readonly<Record<MobileNetV3Size, Omit<MobileNetV3Form, 'name'>>> = {
  small: {
    hidden: 1024,
    blocks: [
      [3, 16, 16, 'SE', 'RE', 2],
      [3, 72, 24, '-', 'RE', 2],
      [3, 88, 24, '-', 'RE', 1],
      [5, 96, 40, 'SE', 'HS', 2],
      [5, 240, 40, 'SE', 'HS', 1],
      [5, 240, 40, 'SE', 'HS', 1],
      [5, 120, 48, 'SE', 'HS', 1],
      [5, 144, 48, 'SE', 'HS', 1],
      [5, 288, 96, 'SE', 'HS', 2],
      [5, 576, 96, 'SE', 'HS', 1],
      [5, 576, 96, 'SE', 'HS', 1],
    ],
  },
  large: {
    hidden: 1280,
    blocks: [
      [3, 16, 16, '-', 'RE', 1],
      [3, 64, 24, '-', 'RE', 2],
      [3, 72, 24, '-', 'RE', 1],
      [5, 72, 40, 'SE', 'RE', 2],
      [5, 120, 40, 'SE', 'RE', 1],
      [5, 120, 40, 'SE', 'RE', 1],
      [3, 240, 80, '-', 'HS', 2],
      [3, 200, 80, '-', 'HS', 1],
      [3, 184, 80, '-', 'HS', 1],
      [3, 184, 80, '-', 'HS', 1],
      [3, 480, 112, 'SE', 'HS', 1],
      [3, 672, 112, 'SE', 'HS', 1],
      [5, 672, 160, 'SE', 'HS', 2],
      [5, 960, 160, 'SE', 'HS', 1],
      [5, 960, 160, 'SE', 'HS', 1],
    ],
  },
};

/** Channels of the stem. */
const stem = 16;
/** Channels ahead of the mean, for every one of the last block. */
const lastExpansion = 6;

const hardSwish = activation('hardSwish');
const norm: Behind = (name, input) => batchNorm(name, input, { epsilon: 1e-3, momentum: 0.01 });

/**
 * MobileNetV3 (Howard et al., 2019) with torchvision's names, 224x224x3 and 1000 classes unless told: inverted residual blocks
 * with hard-swish and squeeze-and-excitation. The dropout ahead of the classifier is left out: nothing at inference, and a
 * choice of ours in training.
 *
 * @throws ShapeError where there is no such size, or a size does not make a network (named by the layer it reaches)
 */
export function mobileNetV3(options: MobileNetV3Options): Network {
  const { size } = options;
  return mobileNetV3Network({ name: `mobilenet-v3-${size}`, ...formOf('mobileNetV3', 'size', forms, size) }, options);
}

/** A MobileNetV3 of any form. */
export function mobileNetV3Network(form: MobileNetV3Form, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const layers = normalised('features.0', 'input', { outChannels: stem, kernel: 3, stride: 2 }, hardSwish, norm);
  let channels = stem;
  form.blocks.forEach(([kernel, expanded, outChannels, excitation, nonlinearity, stride], index) => {
    const block = {
      ...{ inChannels: channels, outChannels, expanded, kernel, stride, norm },
      activation: nonlinearity === 'HS' ? hardSwish : relu,
      ...(excitation === 'SE' && {
        excitation: { squeezed: inEights(Math.floor(expanded / 4)), activation: relu, gate: activation('hardSigmoid') },
      }),
    };
    layers.push(...invertedResidual(`features.${index + 1}`, nameOfLast(layers), block));
    channels = outChannels;
  });
  const last = { outChannels: lastExpansion * channels, kernel: 1, stride: 1 };
  layers.push(
    ...normalised(`features.${form.blocks.length + 1}`, nameOfLast(layers), last, hardSwish, norm),
    globalMean('avgpool', `features.${form.blocks.length + 1}.2`),
    dense('classifier.0', 'avgpool', form.hidden),
    hardSwish('classifier.1', 'classifier.0'),
    dense('classifier.3', 'classifier.1', classes),
  );
  return finished(options, { name: form.name, input, layers });
}
