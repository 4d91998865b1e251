import type { Layer, Network } from '../graph/network.js';
import { formOf } from './forms.js';
import { finished, imageNetInput, type NetworkOptions } from './icForm.js';
import { activation, add, dense, globalMean, nameOfLast, normalised, relu } from './layers.js';
import { squeezeExcitation } from './squeezeExcitation.js';

/** RegNets by their kind and multiply-adds. */
export type RegNetVariant = 'x-400mf' | 'y-400mf';

export interface RegNetOptions extends NetworkOptions {
  /** Which of them. */
  readonly variant: RegNetVariant;
  /** Whether convolutions are IC, or all plain. */
  readonly ic: boolean;
}

/** What one RegNet differs from another in. */
export interface RegNetForm {
  readonly name: string;
  readonly stages: readonly Stage[];
  /** Channels of a group of the 3x3 convolutions. */
  readonly groupWidth: number;
  /**
   * Channels between the convolutions of a squeeze-and-excitation for every one of the block's input; where left out, there is
   * none.
   */
  readonly excitationRatio?: number;
}

/** Channels and blocks. */
type Stage = readonly [channels: number, blocks: number];

const forms: Readonly<Record<RegNetVariant, Omit<RegNetForm, 'name'>>> = {
  'x-400mf': {
    stages: [
      [32, 1],
      [64, 2],
      [160, 7],
      [400, 12],
    ],
    groupWidth: 16,
  },
  'y-400mf': {
    stages: [
      [48, 1],
      [104, 3],
      [208, 6],
      [440, 6],
    ],
    groupWidth: 8,
    excitationRatio: 1 / 4,
  },
};

/** Channels of the stem. */
const stem = 32;

/**
 * RegNet (Radosavovic et al., 2020) with torchvision's names, 224x224x3 and 1000 classes unless told: residual blocks of two
 * pointwise convolutions and one in groups between them, of kind Y with squeeze-and-excitation behind it. Every stage halves the
 * image.
 *
 * @throws ShapeError where there is no such variant, or a size does not make a network (named by the layer it reaches)
 */
export function regNet(options: RegNetOptions): Network {
  const { variant } = options;
  return regNetwork({ name: `regnet-${variant}`, ...formOf('regNet', 'variant', forms, variant) }, options);
}

/** A RegNet of any form. */
export function regNetwork(form: RegNetForm, options: NetworkOptions & { readonly ic: boolean }): Network {
  const { input = imageNetInput, classes = 1000 } = options;
  const layers = normalised('stem', 'input', { outChannels: stem, kernel: 3, stride: 2 }, relu);
  let channels = stem;
  form.stages.forEach(([outChannels, blocks], index) => {
    const stage = `block${index + 1}`;
    for (let block = 0; block < blocks; block++) {
      const name = `trunk_output.${stage}.${stage}-${block}`;
      layers.push(...residualBlock(name, nameOfLast(layers), channels, outChannels, block === 0 ? 2 : 1, form));
      channels = outChannels;
    }
  });
  layers.push(globalMean('avgpool', nameOfLast(layers)), dense('fc', 'avgpool', classes));
  return finished(options, { name: form.name, input, layers });
}

function residualBlock(
  name: string,
  input: string,
  inChannels: number,
  outChannels: number,
  stride: number,
  { groupWidth, excitationRatio }: RegNetForm,
): Layer[] {
  const pointwise = { outChannels, kernel: 1, stride: 1 };
  const keepsShape = stride === 1 && inChannels === outChannels;
  const shortcut = keepsShape ? [] : normalised(`${name}.proj`, input, { ...pointwise, stride });
  const grouped = { outChannels, kernel: 3, stride, groups: outChannels / groupWidth };
  const body = [
    ...normalised(`${name}.f.a`, input, pointwise, relu),
    ...normalised(`${name}.f.b`, `${name}.f.a.2`, grouped, relu),
  ];
  if (excitationRatio !== undefined) {
    const form = {
      squeezed: Math.round(excitationRatio * inChannels),
      activation: relu,
      gate: activation('sigmoid'),
    };
    body.push(...squeezeExcitation(`${name}.f.se`, nameOfLast(body), outChannels, form));
  }
  body.push(...normalised(`${name}.f.c`, nameOfLast(body), pointwise));
  return [
    ...shortcut,
    ...body,
    add(`${name}.add`, nameOfLast(body), shortcut.at(-1)?.name ?? input),
    relu(`${name}.activation`, `${name}.add`),
  ];
}
