import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import type { ImageDataset } from '../../src/io/dataset.js';
import { initialParameters } from '../../src/models/initialise.js';
import { type CifarResNetOptions, cifarResNet } from '../../src/models/resnet.js';
import type { DistillationOptions } from '../../src/train/distillation.js';
import type { StudySettings } from './settings.js';

/** How a variant is taught by the plain network of the same seed, once that is trained. */
export interface Teaching {
  readonly loss: 'mse' | 'kl';
  readonly temperature?: number;
  readonly weight: number;
  readonly schedule: DistillationOptions['schedule'];
  /** Share of the training's steps with the teacher. */
  readonly end: number;
}

/** One way to train a network: all else is the same for all of them. */
export interface Variant {
  readonly name: string;
  /** What it is, for a table. */
  readonly label: (settings: StudySettings) => string;
  readonly network: (
    settings: StudySettings,
  ) => Pick<CifarResNetOptions, 'depth' | 'ic' | 'adjust' | 'offset' | 'icConvolutions'>;
  /** Where `adjust` starts, times 1 / (filter elements); 1 where left out. */
  readonly adjustStart?: number;
  /** Learning-rate factor of `adjust`; 0.01 where left out. */
  readonly adjustRate?: number;
  readonly teaching?: Teaching;
}

const usualTeaching: Teaching = { loss: 'kl', temperature: 4, weight: 1, schedule: { kind: 'cosine' }, end: 0.5 };

const mse: Omit<Teaching, 'weight'> = { loss: 'mse', schedule: { kind: 'cosine' }, end: 0.5 };

const plain: Variant = {
  name: 'plain',
  label: ({ depth }) => `ResNet-${depth}`,
  network: ({ depth }) => ({ depth, ic: false }),
};

const ic: Variant = {
  name: 'ic',
  label: ({ depth }) => `IC-ResNet-${depth}`,
  network: ({ depth }) => ({ depth, ic: true }),
};

const deeper: Variant = {
  name: 'deeper',
  label: ({ deeperDepth }) => `ResNet-${deeperDepth}`,
  network: ({ deeperDepth }) => ({ depth: deeperDepth, ic: false }),
};

const icOf = (name: string, words: string, changes: Partial<Variant>): Variant => ({
  ...ic,
  name,
  label: (settings) => `${ic.label(settings)}, ${words}`,
  ...changes,
});

const taughtBy = (changes: Partial<Teaching>): Pick<Variant, 'teaching'> => ({
  teaching: { ...usualTeaching, ...changes },
});

/** The four that the claims are about, in the order in which they are trained: the plain network teaches. */
export const mainVariants: readonly Variant[] = [plain, ic, deeper, icOf('ic-wld', 'WLD', taughtBy({}))];

/** What else can be asked for, to find out where a difference comes from. */
export const otherVariants: readonly Variant[] = [
  { ...plain, name: 'plain-wld', label: (settings) => `${plain.label(settings)}, WLD`, ...taughtBy({}) },
  icOf('ic-start-0', 'adjust from 0', { adjustStart: 0 }),
  icOf('ic-start-3', 'adjust from 3 / n', { adjustStart: 3 }),
  icOf('ic-start-30', 'adjust from 30 / n', { adjustStart: 30 }),
  icOf('ic-rate-0', 'adjust fixed', { adjustRate: 0 }),
  icOf('ic-rate-0.1', 'adjust at 0.1 of the rate', { adjustRate: 0.1 }),
  icOf('ic-rate-1', 'adjust at the full rate', { adjustRate: 1 }),
  icOf('ic-all', 'all convolutions IC', { network: ({ depth }) => ({ depth, ic: true, icConvolutions: 'all' }) }),
  icOf('ic-input', 'adjust per input channel', { network: ({ depth }) => ({ depth, ic: true, adjust: 'input' }) }),
  icOf('ic-offset', 'with offsets', { network: ({ depth }) => ({ depth, ic: true, offset: true }) }),
  icOf('ic-wld-mse', 'WLD by mse, weight 0.1', { teaching: { ...mse, weight: 0.1 } }),
  icOf('ic-wld-short', 'WLD for a quarter', taughtBy({ end: 0.25 })),
  icOf('ic-wld-whole', 'WLD to the end', taughtBy({ end: 1 })),
  icOf('ic-wld-strong', 'WLD with weight 4', taughtBy({ weight: 4 })),
];

export const allVariants: readonly Variant[] = [...mainVariants, ...otherVariants];

/** The network of a variant for the images of a data set. */
export function networkOf(variant: Variant, settings: StudySettings, dataset: ImageDataset): Network {
  const { width, stemStride } = settings;
  const { height, width: columns, channels, classes } = dataset;
  const input = { height, width: columns, channels };
  return cifarResNet({ ...variant.network(settings), width, stemStride, input, classes });
}

/** The state it starts from: networks that share a layer start it alike. */
export function startOf(variant: Variant, network: Network, seed: number): Map<string, Float32Array> {
  const values = initialParameters(network, seed);
  for (const spec of networkParameters(network)) {
    if (spec.role !== 'adjust' || variant.adjustStart === undefined) continue;
    const factor = variant.adjustStart;
    values.set(
      spec.name,
      values.get(spec.name)!.map((value) => value * factor),
    );
  }
  return values;
}
