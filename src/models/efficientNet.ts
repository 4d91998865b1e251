import type { Network } from '../graph/network.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { invertedResidual } from './invertedResidual.js';
import { activation, dense, globalMean, nameOfLast, normalised } from './layers.js';

export interface EfficientNetOptions extends NetworkOptions {
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one EfficientNet differs from another in. */
export interface EfficientNetForm {
  readonly name: string;
  /** Channels of the stem. */
  readonly stem: number;
  readonly stages: readonly Stage[];
}

/** A row of the paper's table: blocks of one width; the first has the stride. */
type Stage = readonly [expansion: number, kernel: number, stride: number, outChannels: number, blocks: number];

const b0: readonly Stage[] = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
];

/** Channels ahead of the mean, for every one of the last block. */
const lastExpansion = 4;

const silu = activation('silu');

/**
 * EfficientNet-B0 (Tan and Le, 2019) with torchvision's names, 224x224x3 and 1000 classes unless told: inverted residual blocks
 * with SiLU and squeeze-and-excitation. Dropout ahead of the classifier and the dropping of blocks are left out: nothing at
 * inference, and a choice of ours in training.
 *
 * @throws ShapeError where a size does not make a network (named by the layer it reaches)
 */
export function efficientNetB0(options: EfficientNetOptions): Network {
  return efficientNetwork({ name: 'efficientnet-b0', stem: 32, stages: b0 }, options);
}

/** An EfficientNet of any form. */
export function efficientNetwork(form: EfficientNetForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const layers = normalised('features.0', 'input', { outChannels: form.stem, kernel: 3, stride: 2 }, silu);
  let channels = form.stem;
  form.stages.forEach(([expansion, kernel, stride, outChannels, blocks], stage) => {
    for (let index = 0; index < blocks; index++) {
      const block = {
        ...{ inChannels: channels, outChannels, expanded: expansion * channels, kernel },
        stride: index === 0 ? stride : 1,
        activation: silu,
        // Of the block's input, not of what is recalibrated.
        excitation: { squeezed: Math.max(1, Math.floor(channels / 4)), activation: silu, gate: activation('sigmoid') },
      };
      layers.push(...invertedResidual(`features.${stage + 1}.${index}`, nameOfLast(layers), block));
      channels = outChannels;
    }
  });
  const last = `features.${form.stages.length + 1}`;
  layers.push(
    ...normalised(last, nameOfLast(layers), { outChannels: lastExpansion * channels, kernel: 1, stride: 1 }, silu),
    globalMean('avgpool', `${last}.2`),
    dense('classifier.1', 'avgpool', classes),
  );
  return finished(options, { name: form.name, input, layers });
}
