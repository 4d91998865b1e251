import type { Network } from '../graph/network.js';
import { stepsPerEpoch } from '../io/batches.js';
import type { ImageDataset, Normalisation } from '../io/dataset.js';
import type { Precision } from '../ops/precision.js';
import type { ReadLimits } from '../terminal/data.js';
import type { OptimiserOptions } from '../train/optimiser.js';
import { defaultGroups } from '../train/parameterGroups.js';
import type { Schedule } from '../train/schedule.js';
import type { TrainerOptions } from '../train/trainer.js';

export interface TrainFlags extends ReadLimits {
  readonly json: boolean;
  readonly adapter: string;
  readonly network: string;
  readonly width: number;
  readonly stemStride: number;
  readonly adjust: 'output' | 'input';
  readonly offset?: boolean;
  readonly data: string;
  /** Of the images that pictures become. */
  readonly input?: Network['input'];
  /** Weights to start from. */
  readonly weights?: string;
  readonly replaceHead?: boolean;
  readonly freshAdjust?: boolean;
  readonly steps?: number;
  readonly epochs?: number;
  readonly batch: number;
  readonly microBatch?: number;
  readonly recompute: boolean;
  readonly precision?: Precision;
  readonly optimiser: 'sgd' | 'adamw';
  readonly learningRate?: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly adjustRate: number;
  readonly schedule: Schedule['kind'];
  readonly warmUp?: number;
  readonly clip?: number;
  readonly labelSmoothing: number;
  readonly crop: number;
  readonly flip: boolean;
  readonly seed: number;
  readonly output?: string;
  readonly resume?: string;
  readonly saveEvery: number;
  /** Measure first which kernels are fastest. */
  readonly tune: boolean;
  /** Measure it beside the training. */
  readonly tuneBackground?: boolean;
}

/** What the flags ask of a training. */
export function trainerOptions(
  flags: Omit<TrainFlags, 'network' | 'width' | 'stemStride'>,
  dataset: ImageDataset,
  normalisation: Normalisation,
): TrainerOptions {
  const { batch, microBatch, recompute, precision, seed, labelSmoothing, crop, flip } = flags;
  const perEpoch = stepsPerEpoch(dataset, batch);
  const steps = flags.steps ?? Math.max(1, Math.round((flags.epochs ?? 1) * perEpoch));
  return {
    dataset,
    normalisation,
    batch,
    ...(microBatch !== undefined && { microBatch }),
    recompute,
    ...(precision !== undefined && { precision }),
    steps,
    seed,
    labelSmoothing,
    augmentation: { padding: crop, flip },
    optimiser: optimiserOptions(flags),
    schedule: schedule(flags, steps),
  };
}

function optimiserOptions(
  flags: Pick<
    TrainFlags,
    'momentum' | 'nesterov' | 'weightDecay' | 'clip' | 'adjustRate' | 'optimiser' | 'learningRate'
  >,
): OptimiserOptions {
  const { momentum, nesterov, weightDecay, clip } = flags;
  const common = {
    weightDecay,
    groups: defaultGroups(flags.adjustRate),
    ...(clip !== undefined && { clipNorm: clip }),
  };
  if (flags.optimiser === 'adamw') return { kind: 'adamW', learningRate: flags.learningRate ?? 0.002, ...common };
  const accelerated = nesterov && momentum > 0;
  return { kind: 'sgd', learningRate: flags.learningRate ?? 0.1, momentum, nesterov: accelerated, ...common };
}

/** `step` divides the rate by ten at half and at three quarters of the way. */
function schedule(flags: Pick<TrainFlags, 'warmUp' | 'schedule'>, steps: number): Schedule {
  const warmUp = flags.warmUp ?? Math.floor(steps / 20);
  if (flags.schedule !== 'step') return { kind: flags.schedule, warmUp };
  return { kind: 'step', warmUp, milestones: [Math.floor(steps / 2), Math.floor((steps * 3) / 4)], factor: 0.1 };
}
