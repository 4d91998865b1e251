import type { Layer, Network } from '../graph/network.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { batchNorm, convolution, dense, globalMean, nameOfLast, pool, relu, type Step } from './layers.js';

export interface GoogleNetOptions extends NetworkOptions {
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one GoogLeNet differs from another in. */
export interface GoogleNetForm {
  readonly name: string;
  /** Channels of the three convolutions ahead of the inceptions. */
  readonly stem: readonly [number, number, number];
  /** Inceptions between pools, the first of the third stage as in their names. */
  readonly stages: readonly (readonly Inception[])[];
}

/** A row of the paper's table: channels of a module's convolutions, branch by branch. */
type Inception = readonly [
  pointwise: number,
  reducedFirst: number,
  first: number,
  reducedSecond: number,
  second: number,
  pooled: number,
];

const published: readonly (readonly Inception[])[] = [
  [
    [64, 96, 128, 16, 32, 32],
    [128, 128, 192, 32, 96, 64],
  ],
  [
    [192, 96, 208, 16, 48, 64],
    [160, 112, 224, 24, 64, 64],
    [128, 128, 256, 24, 64, 64],
    [112, 144, 288, 32, 64, 64],
    [256, 160, 320, 32, 128, 128],
  ],
  [
    [256, 160, 320, 32, 128, 128],
    [384, 192, 384, 48, 128, 128],
  ],
];

/**
 * GoogLeNet (Szegedy et al., 2014) with torchvision's names, 224x224x3 and 1000 classes unless told: four branches side by side
 * in each inception, with batch norm; as in torchvision, windows of 3x3 stand where the paper has 5x5. The auxiliary classifiers
 * and dropout are left out: nothing at inference, and a choice of ours in training.
 *
 * @throws ShapeError where a size does not make a network (named by the layer it reaches)
 */
export function googleNet(options: GoogleNetOptions): Network {
  return googleNetwork({ name: 'googlenet', stem: [64, 64, 192], stages: published }, options);
}

/** A GoogLeNet of any form. */
export function googleNetwork(form: GoogleNetForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const [first, second, third] = form.stem;
  const layers: Layer[] = [
    ...basic('conv1', 'input', { outChannels: first, kernel: 7, stride: 2 }),
    halving('maxpool1', 'conv1.relu', 3),
    ...basic('conv2', 'maxpool1', { outChannels: second, kernel: 1, stride: 1 }),
    ...basic('conv3', 'conv2.relu', { outChannels: third, kernel: 3, stride: 1 }),
    halving('maxpool2', 'conv3.relu', 3),
  ];
  form.stages.forEach((inceptions, stage) => {
    // The last of the pools has a smaller window.
    if (stage > 0) layers.push(halving(`maxpool${stage + 2}`, nameOfLast(layers), stage === 1 ? 3 : 2));
    inceptions.forEach((row, index) => {
      layers.push(...inception(`inception${stage + 3}${'abcde'[index]}`, nameOfLast(layers), row));
    });
  });
  layers.push(globalMean('avgpool', nameOfLast(layers)), dense('fc', 'avgpool', classes));
  return finished(options, { name: form.name, input, layers });
}

function inception(name: string, input: string, row: Inception): Layer[] {
  const [pointwise, reducedFirst, first, reducedSecond, second, pooled] = row;
  const narrow = (branch: string, from: string, outChannels: number): Layer[] =>
    basic(`${name}.${branch}`, from, { outChannels, kernel: 1, stride: 1 });
  const wide = (branch: string, from: string, outChannels: number): Layer[] =>
    basic(`${name}.${branch}`, from, { outChannels, kernel: 3, stride: 1 });
  const branches = [
    narrow('branch1', input, pointwise),
    [...narrow('branch2.0', input, reducedFirst), ...wide('branch2.1', `${name}.branch2.0.relu`, first)],
    [...narrow('branch3.0', input, reducedSecond), ...wide('branch3.1', `${name}.branch3.0.relu`, second)],
    [
      pool('maxPool', `${name}.branch4.0`, input, { kernel: 3, stride: 1, padding: 1 }),
      ...narrow('branch4.1', `${name}.branch4.0`, pooled),
    ],
  ];
  return [...branches.flat(), { kind: 'concat', name: `${name}.concat`, inputs: branches.map(nameOfLast) }];
}

/** A convolution with batch norm and ReLU, torchvision's BasicConv2d. */
function basic(name: string, input: string, step: Step): Layer[] {
  return [
    convolution(`${name}.conv`, input, step),
    batchNorm(`${name}.bn`, `${name}.conv`, { epsilon: 1e-3 }),
    relu(`${name}.relu`, `${name}.bn`),
  ];
}

function halving(name: string, input: string, kernel: number): Layer {
  return pool('maxPool', name, input, { kernel, stride: 2, ceilMode: true });
}
