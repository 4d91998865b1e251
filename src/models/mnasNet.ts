import { ShapeError } from '../errors.js';
import type { Layer, Network } from '../graph/network.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { add, type Behind, batchNorm, convolution, dense, globalMean, nameOfLast, relu, type Step } from './layers.js';
import { hyphenated, inEights } from './widths.js';

export interface MnasNetOptions extends NetworkOptions {
  /** What every number of channels but the last is multiplied by, 1 unless told; the results are multiples of 8. */
  readonly widthMultiplier?: number;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one MNASNet differs from another in. */
export interface MnasNetForm {
  readonly name: string;
  readonly widthMultiplier: number;
  readonly stages: readonly Stage[];
  /** Channels ahead of the classifier. */
  readonly last: number;
}

/** Blocks of one width; the first has the stride. */
type Stage = readonly [expansion: number, kernel: number, stride: number, outChannels: number, blocks: number];

const stages: readonly Stage[] = [
  [3, 3, 2, 24, 3],
  [3, 5, 2, 40, 3],
  [6, 5, 2, 80, 3],
  [6, 3, 1, 96, 2],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
];

/** The number of the first stage within the network. */
const firstStage = 8;

const norm: Behind = (name, input) => batchNorm(name, input, { momentum: 3e-4 });

/**
 * MNASNet (Tan et al., 2019; the paper's B1) with torchvision's names, 224x224x3 and 1000 classes unless told. The dropout ahead
 * of the classifier is left out: nothing at inference, and a choice of ours in training.
 *
 * @throws ShapeError where a size does not make a network (named by the layer it reaches)
 */
export function mnasNet(options: MnasNetOptions): Network {
  const { widthMultiplier = 1 } = options;
  if (!(widthMultiplier > 0 && Number.isFinite(widthMultiplier))) {
    const got = String(widthMultiplier);
    throw new ShapeError({ operation: 'mnasNet', parameter: 'widthMultiplier', expected: 'a positive number', got });
  }
  return mnasNetwork({ name: `mnasnet${hyphenated(widthMultiplier)}`, widthMultiplier, stages, last: 1280 }, options);
}

/** An MNASNet of any form. */
export function mnasNetwork(form: MnasNetForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const widthOf = (channels: number): number => inEights(channels * form.widthMultiplier);
  const [stem, first] = [widthOf(32), widthOf(16)];
  const layers = sequence('layers', 0, 'input', [
    { outChannels: stem, kernel: 3, stride: 2 },
    { outChannels: stem, kernel: 3, stride: 1, groups: stem },
    { outChannels: first, kernel: 1, stride: 1 },
  ]);
  let channels = first;
  form.stages.forEach(([expansion, kernel, stride, outChannels, blocks], stage) => {
    for (let index = 0; index < blocks; index++) {
      const name = `layers.${firstStage + stage}.${index}`;
      const expanded = expansion * channels;
      layers.push(
        ...block(name, nameOfLast(layers), channels, [
          { outChannels: expanded, kernel: 1, stride: 1 },
          { outChannels: expanded, kernel, stride: index === 0 ? stride : 1, groups: expanded },
          { outChannels: widthOf(outChannels), kernel: 1, stride: 1 },
        ]),
      );
      channels = widthOf(outChannels);
    }
  });
  const last = firstStage + form.stages.length;
  layers.push(
    ...sequence('layers', last, nameOfLast(layers), [{ outChannels: form.last, kernel: 1, stride: 1 }]),
    relu(`layers.${last + 2}`, `layers.${last + 1}`),
    globalMean('avgpool', `layers.${last + 2}`),
    dense('classifier.1', 'avgpool', classes),
  );
  return finished(options, { name: form.name, input, layers });
}

/** An inverted residual: the last of its convolutions has no ReLU. */
function block(name: string, input: string, inChannels: number, steps: readonly [Step, Step, Step]): Layer[] {
  const layers = sequence(`${name}.layers`, 0, input, steps);
  const keepsShape = steps[1].stride === 1 && inChannels === steps[2].outChannels;
  return keepsShape ? [...layers, add(`${name}.add`, nameOfLast(layers), input)] : layers;
}

/** Convolutions with batch norm and, between them, ReLU, counted from a number as torchvision's Sequential does. */
function sequence(name: string, from: number, input: string, steps: readonly Step[]): Layer[] {
  const layers: Layer[] = [];
  const append = (make: (name: string, input: string) => Layer): void => {
    layers.push(make(`${name}.${from + layers.length}`, layers.at(-1)?.name ?? input));
  };
  steps.forEach((step, index) => {
    if (index > 0) append(relu);
    append((part, before) => convolution(part, before, step));
    append(norm);
  });
  return layers;
}
