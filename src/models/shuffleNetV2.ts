import type { Layer, Network, ShuffleLayer, SliceLayer } from '../graph/network.js';
import { formOf } from './forms.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { batchNorm, convolution, dense, globalMean, nameOfLast, normalised, pool, relu, type Step } from './layers.js';
import { hyphenated } from './widths.js';

/** The published widths of ShuffleNetV2. */
export type ShuffleNetV2Width = 0.5 | 1 | 1.5 | 2;

export interface ShuffleNetV2Options extends NetworkOptions {
  /** Which of them; 1 unless told. */
  readonly width?: ShuffleNetV2Width;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one ShuffleNetV2 differs from another in. */
export interface ShuffleNetV2Form {
  readonly name: string;
  readonly stages: readonly Stage[];
  /** Channels ahead of the classifier. */
  readonly last: number;
}

/** Channels and blocks. */
type Stage = readonly [channels: number, blocks: number];

/** Channels of the stem. */
const stem = 24;

const forms: Readonly<Record<ShuffleNetV2Width, Omit<ShuffleNetV2Form, 'name'>>> = {
  0.5: { stages: stagesOf(48, 96, 192), last: 1024 },
  1: { stages: stagesOf(116, 232, 464), last: 1024 },
  1.5: { stages: stagesOf(176, 352, 704), last: 1024 },
  2: { stages: stagesOf(244, 488, 976), last: 2048 },
};

function stagesOf(first: number, second: number, third: number): readonly Stage[] {
  return [
    [first, 4],
    [second, 8],
    [third, 4],
  ];
}

/**
 * ShuffleNetV2 (Ma et al., 2018) with torchvision's names, 224x224x3 and 1000 classes unless told: half of a block's channels
 * pass it by, and are then shuffled with the others.
 *
 * @throws ShapeError where the width is another, or a size does not make a network (named by the layer it reaches)
 */
export function shuffleNetV2(options: ShuffleNetV2Options): Network {
  const { width = 1 } = options;
  return shuffleNetwork(
    { name: `shufflenet-v2-x${hyphenated(width)}`, ...formOf('shuffleNetV2', 'width', forms, width) },
    options,
  );
}

/** A ShuffleNetV2 of any form. */
export function shuffleNetwork(form: ShuffleNetV2Form, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const layers: Layer[] = [
    ...normalised('conv1', 'input', { outChannels: stem, kernel: 3, stride: 2 }, relu),
    pool('maxPool', 'maxpool', 'conv1.2', { kernel: 3, stride: 2, padding: 1 }),
  ];
  let channels = stem;
  form.stages.forEach(([outChannels, blocks], stage) => {
    for (let index = 0; index < blocks; index++) {
      const make = index === 0 ? downsampling : passing;
      layers.push(...make(`stage${stage + 2}.${index}`, nameOfLast(layers), channels, outChannels / 2));
      channels = outChannels;
    }
  });
  layers.push(
    ...normalised('conv5', nameOfLast(layers), { outChannels: form.last, kernel: 1, stride: 1 }, relu),
    globalMean('avgpool', 'conv5.2'),
    dense('fc', 'avgpool', classes),
  );
  return finished(options, { name: form.name, input, layers });
}

/** A block whose first half of the channels stays as it is. */
function passing(name: string, input: string, channels: number, half: number): Layer[] {
  const slice = (part: string, start: number): SliceLayer => {
    return { kind: 'slice', name: `${name}.${part}`, inputs: [input], start, channels: half };
  };
  const [kept, taken] = [slice('kept', 0), slice('taken', channels - half)];
  const branch = mainBranch(`${name}.branch2`, taken.name, half, 1);
  return [kept, taken, ...branch, ...joined(name, kept.name, nameOfLast(branch))];
}

/** A block that halves the image: both of its branches read all channels. */
function downsampling(name: string, input: string, channels: number, half: number): Layer[] {
  const branch1 = `${name}.branch1`;
  const depthwise = { outChannels: channels, kernel: 3, stride: 2, groups: channels };
  const branch = mainBranch(`${name}.branch2`, input, half, 2);
  return [
    ...pair(branch1, 0, input, depthwise),
    ...pair(branch1, 2, `${branch1}.1`, { outChannels: half, kernel: 1, stride: 1 }),
    relu(`${branch1}.4`, `${branch1}.3`),
    ...branch,
    ...joined(name, `${branch1}.4`, nameOfLast(branch)),
  ];
}

/** A pointwise convolution, a depthwise one without ReLU, and a pointwise one. */
function mainBranch(name: string, input: string, channels: number, stride: number): Layer[] {
  const pointwise = { outChannels: channels, kernel: 1, stride: 1 };
  return [
    ...pair(name, 0, input, pointwise),
    relu(`${name}.2`, `${name}.1`),
    ...pair(name, 3, `${name}.2`, { outChannels: channels, kernel: 3, stride, groups: channels }),
    ...pair(name, 5, `${name}.4`, pointwise),
    relu(`${name}.7`, `${name}.6`),
  ];
}

/** A convolution and its batch norm at two numbers of a branch. */
function pair(branch: string, index: number, input: string, step: Step): Layer[] {
  const name = `${branch}.${index}`;
  return [convolution(name, input, step), batchNorm(`${branch}.${index + 1}`, name)];
}

/** Two branches side by side, one channel of each after the other. */
function joined(name: string, first: string, second: string): Layer[] {
  const shuffle: ShuffleLayer = {
    kind: 'shuffle',
    name: `${name}.concat.shuffle`,
    inputs: [`${name}.concat`],
    groups: 2,
  };
  return [{ kind: 'concat', name: `${name}.concat`, inputs: [first, second] }, shuffle];
}
