import type { Layer, Network } from '../graph/network.js';
import { formOf } from './forms.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { convolution, globalMean, nameOfLast, pool, relu } from './layers.js';

/** The published versions of SqueezeNet. */
export type SqueezeNetVersion = '1.0' | '1.1';

export interface SqueezeNetOptions extends NetworkOptions {
  /** Which of them. */
  readonly version: SqueezeNetVersion;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one SqueezeNet differs from another in. */
export interface SqueezeNetForm {
  readonly name: string;
  /** Channels and window of the first convolution. */
  readonly stem: { readonly outChannels: number; readonly kernel: number };
  /** Channels that each fire module squeezes to, between pools. */
  readonly stages: readonly (readonly number[])[];
}

const forms: Readonly<Record<SqueezeNetVersion, Omit<SqueezeNetForm, 'name'>>> = {
  '1.0': { stem: { outChannels: 96, kernel: 7 }, stages: [[16, 16, 32], [32, 48, 48, 64], [64]] },
  '1.1': {
    stem: { outChannels: 64, kernel: 3 },
    stages: [
      [16, 16],
      [32, 32],
      [48, 48, 64, 64],
    ],
  },
};

/** Channels of each of the two convolutions that widen, for every one that was squeezed to. */
const expansion = 4;

/**
 * SqueezeNet (Iandola et al., 2016) with torchvision's names, 224x224x3 and 1000 classes unless told: fire modules, a pointwise
 * convolution that narrows ahead of a pointwise and a 3x3 one side by side. The classes are means of maps. Its dropout is left out:
 * nothing at inference, and a choice of ours in training.
 *
 * @throws ShapeError where there is no such version, or a size does not make a network (named by the layer it reaches)
 */
export function squeezeNet(options: SqueezeNetOptions): Network {
  const { version } = options;
  return squeezeNetwork(
    { name: `squeezenet${version.replace('.', '-')}`, ...formOf('squeezeNet', 'version', forms, version) },
    options,
  );
}

/** A SqueezeNet of any form. */
export function squeezeNetwork(form: SqueezeNetForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const layers: Layer[] = [
    convolution('features.0', 'input', { ...form.stem, stride: 2, padding: 0, bias: true }),
    relu('features.1', 'features.0'),
  ];
  let index = 2;
  for (const stage of form.stages) {
    const pooled = { kernel: 3, stride: 2, ceilMode: true };
    layers.push(pool('maxPool', `features.${index++}`, nameOfLast(layers), pooled));
    for (const squeezed of stage) layers.push(...fire(`features.${index++}`, nameOfLast(layers), squeezed));
  }
  layers.push(
    convolution('classifier.1', nameOfLast(layers), { outChannels: classes, kernel: 1, stride: 1, bias: true }),
    relu('classifier.2', 'classifier.1'),
    globalMean('classifier.3', 'classifier.2'),
  );
  return finished(options, { name: form.name, input, layers });
}

function fire(name: string, input: string, squeezed: number): Layer[] {
  const rectified = (part: string, from: string, outChannels: number, kernel: number): Layer[] => [
    convolution(`${name}.${part}`, from, { outChannels, kernel, stride: 1, bias: true }),
    relu(`${name}.${part}_activation`, `${name}.${part}`),
  ];
  const narrow = `${name}.squeeze_activation`;
  return [
    ...rectified('squeeze', input, squeezed, 1),
    ...rectified('expand1x1', narrow, expansion * squeezed, 1),
    ...rectified('expand3x3', narrow, expansion * squeezed, 3),
    {
      kind: 'concat',
      name: `${name}.concat`,
      inputs: [`${name}.expand1x1_activation`, `${name}.expand3x3_activation`],
    },
  ];
}
