import type { Network } from '../../src/graph/network.js';
import { networkParameters } from '../../src/graph/parameters.js';
import type { ImageDataset } from '../../src/io/dataset.js';
import { inheritedParameters } from '../../src/models/initialise.js';
import { type CifarResNetOptions, cifarResNet } from '../../src/models/resnet.js';
import { summarise } from '../../src/models/summary.js';
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
    dataset: ImageDataset,
  ) => Omit<CifarResNetOptions, 'width' | 'stemStride' | 'input' | 'classes'>;
  /** Where `adjust` starts, and its factor of the learning rate, where that is not what the settings say. */
  readonly adjustStart?: number;
  readonly adjustRate?: number;
  /** With the plain network of the same seed for a teacher: what of it is not as the settings say. */
  readonly teaching?: Partial<Teaching>;
  /** Whether it begins with what that network has learned. */
  readonly inherits?: boolean;
}

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

const like =
  (variant: Variant) =>
  (name: string, words: string, changes: Partial<Variant>): Variant => ({
    ...variant,
    name,
    label: (settings) => `${variant.label(settings)}, ${words}`,
    ...changes,
  });
const plainLike = like(plain);
const icLike = like(ic);

/** What the claims are about, in the order in which they are trained: the plain network teaches. */
export const mainVariants: readonly Variant[] = [
  plain,
  ic,
  icLike('ic-offset', 'offset', { network: ({ depth }) => ({ depth, ic: true, offset: true }) }),
  {
    name: 'se',
    label: ({ depth }) => `SE-ResNet-${depth}`,
    network: ({ depth }) => ({ depth, ic: false, squeezeExcitation: true }),
  },
  plainLike('wider', 'wider', {
    network: (settings, dataset) => ({ depth: settings.depth, ic: false, widths: widthsOfCost(settings, dataset) }),
  }),
  {
    name: 'deeper',
    label: ({ deeperDepth }) => `ResNet-${deeperDepth}`,
    network: ({ deeperDepth }) => ({ depth: deeperDepth, ic: false }),
  },
  icLike('ic-wld', 'WLD', { teaching: {} }),
  plainLike('plain-wld', 'WLD', { teaching: {} }),
];

/** What else can be asked for, to find out where a difference comes from. */
export const otherVariants: readonly Variant[] = [
  icLike('ic-inherited', 'WLD, begun as its teacher', { teaching: {}, inherits: true }),
  icLike('ic-start-0', 'adjust from 0', { adjustStart: 0 }),
  icLike('ic-start-30', 'adjust from 30 / n', { adjustStart: 30 }),
  icLike('ic-rate-1', 'adjust at the full rate', { adjustRate: 1 }),
  icLike('ic-all', 'all convolutions IC', { network: ({ depth }) => ({ depth, ic: true, icConvolutions: 'all' }) }),
  icLike('ic-input', 'adjust per input channel', { network: ({ depth }) => ({ depth, ic: true, adjust: 'input' }) }),
  icLike('ic-wld-mse', 'WLD by mse, weight 0.1', { teaching: { loss: 'mse', weight: 0.1 } }),
];

/** What is chosen among: one thing at a time away from the usual. */
export const choosingVariants: readonly Variant[] = [
  plain,
  ic,
  ...[0.3, 3].map((start) => icLike(`ic-start-${start}`, `adjust from ${start} / n`, { adjustStart: start })),
  ...[0, 0.003, 0.03, 0.1].map((rate) =>
    icLike(`ic-rate-${rate}`, `adjust at ${rate} of the rate`, { adjustRate: rate }),
  ),
  icLike('ic-wld', 'WLD', { teaching: {} }),
  ...[0.3, 3].map((weight) => icLike(`ic-wld-weight-${weight}`, `WLD with weight ${weight}`, { teaching: { weight } })),
  ...[1, 2].map((temperature) =>
    icLike(`ic-wld-temperature-${temperature}`, `WLD with temperature ${temperature}`, { teaching: { temperature } }),
  ),
  ...[0.25, 1].map((end) => icLike(`ic-wld-end-${end}`, `WLD for ${end} of the steps`, { teaching: { end } })),
];

export const allVariants: readonly Variant[] = [...mainVariants, ...otherVariants, ...choosingVariants].filter(
  ({ name }, index, all) => all.findIndex((variant) => variant.name === name) === index,
);

/** How a variant is taught, if it is. */
export function teachingOf({ teaching }: Variant, settings: StudySettings): Teaching | undefined {
  if (!teaching) return undefined;
  const { teacherWeight, teacherTemperature, teacherEnd } = settings;
  const usual = { loss: 'kl', weight: teacherWeight, end: teacherEnd, schedule: { kind: 'cosine' } } as const;
  return { ...usual, ...(teaching.loss !== 'mse' && { temperature: teacherTemperature }), ...teaching };
}

/** The network of a variant for the images of a data set. */
export function networkOf(variant: Variant, settings: StudySettings, dataset: ImageDataset): Network {
  return makeNetwork(variant.network(settings, dataset), settings, dataset);
}

function makeNetwork(
  options: ReturnType<Variant['network']>,
  { width, stemStride }: StudySettings,
  { height, width: columns, channels, classes }: ImageDataset,
): Network {
  return cifarResNet({ ...options, width, stemStride, input: { height, width: columns, channels }, classes });
}

/** The stages of the plain network whose multiply-adds are nearest to those of the IC network. */
function widthsOfCost(settings: StudySettings, dataset: ImageDataset): readonly [number, number, number] {
  const { depth, width } = settings;
  const costOf = (options: ReturnType<Variant['network']>): number =>
    summarise(makeNetwork(options, settings, dataset)).multiplyAdds;
  const wanted = costOf({ depth, ic: true });
  const more = (channels: number): number[] => [0, 1, 2, 3, 4].map((added) => channels + added);
  const triples = more(width).flatMap((a) =>
    more(2 * width).flatMap((b) => more(4 * width).map((c) => [a, b, c] as const)),
  );
  const distances = triples.map((widths) => Math.abs(costOf({ depth, ic: false, widths }) - wanted));
  return triples[distances.indexOf(Math.min(...distances))]!;
}

/**
 * The state it starts from: networks that share a layer start it alike.
 *
 * @param inherited - what it takes over from another network
 */
export function startOf(
  variant: Variant,
  network: Network,
  seed: number,
  settings: StudySettings,
  inherited: ReadonlyMap<string, Float32Array> = new Map(),
): Map<string, Float32Array> {
  const values = inheritedParameters(network, inherited, seed);
  const factor = variant.adjustStart ?? settings.adjustStart;
  for (const spec of networkParameters(network)) {
    if (spec.role !== 'adjust') continue;
    values.set(
      spec.name,
      values.get(spec.name)!.map((value) => value * factor),
    );
  }
  return values;
}
