import type { CompileOptions } from '../graph/compile.js';
import type { ImageDataset, Normalisation } from '../io/dataset.js';
import type { PrecisionOptions } from '../ops/precision.js';
import type { DistillationOptions } from './distillation.js';
import type { LossScalingOptions } from './lossScaling.js';
import type { OptimiserOptions } from './optimiser.js';
import type { Schedule } from './schedule.js';

/** What a training is made of. */
export interface TrainerOptions extends CompileOptions, PrecisionOptions {
  /** Of the network's input size and at most its classes. */
  readonly dataset: ImageDataset;
  /** Mean and deviation of each channel, of pixels from 0 to 1. */
  readonly normalisation: Normalisation;
  /** Images a step; at most the data set's. */
  readonly batch: number;
  /**
   * Images computed at a time, where a whole batch needs too much memory: a divisor of `batch`, which is the default. Their
   * gradients add up to those of the batch; batch norms take the statistics of these images alone.
   */
  readonly microBatch?: number;
  /** Keeps less of the forward pass, and computes it again for the backward pass; see `TrainingPlanOptions`. */
  readonly recompute?: boolean;
  /** How the loss scale moves, where `precision` is float16. */
  readonly lossScaling?: LossScalingOptions;
  /** Steps of the whole training, which the schedule spans. */
  readonly steps: number;
  /** Kind and settings. */
  readonly optimiser: OptimiserOptions;
  /** The learning rate, step by step. */
  readonly schedule: Schedule;
  /** Decides order and augmentation; an integer. */
  readonly seed: number;
  /** Share of the label that is spread over all classes, from 0 to 1; default 0. */
  readonly labelSmoothing?: number;
  /** What happens to the images of a step at random; nothing where left out. */
  readonly augmentation?: {
    /** Width in pixels of a border of zeros, out of which an image of the old size is cropped; default 0. */
    readonly padding?: number;
    /** Mirrors every other image or so; default false. */
    readonly flip?: boolean;
  };
  /** A teacher whose logits lead at first. */
  readonly distillation?: DistillationOptions;
}

/** What a finished step tells. */
export interface StepReport {
  /** Counted from 0. */
  readonly step: number;
  /** Mean cross entropy, and with a teacher its weight times the distance from its logits. */
  readonly loss: number;
  /** Share of the batch that was right. */
  readonly accuracy: number;
  /** Of this step, before the factors of parameter groups. */
  readonly learningRate: number;
  /** What the loss was multiplied by on its way back, in float16. */
  readonly lossScale?: number;
  /**
   * In float16 where something did not fit: parameters, moments and statistics are as they were before the step, and the scale is
   * half as large. Loss and accuracy are then what became of it, and may be no numbers.
   */
  readonly skipped?: boolean;
  /** The parts of the loss in a step with a teacher. */
  readonly distillation?: {
    /** From the labels; mean over the batch. */
    readonly crossEntropy: number;
    /** From the teacher's logits; not weighted. */
    readonly distance: number;
    /** Of the distance, in this step. */
    readonly weight: number;
  };
}

/** How far a run goes, and what it reports. */
export interface RunOptions {
  /** Steps to do at most; up to the end of the training where left out. */
  readonly steps?: number;
  /** Stops behind the step in work; the run then returns as usual. */
  readonly signal?: AbortSignal;
  /** Called in order for every step, some steps late: losses are read back in bundles. */
  readonly onStep?: (report: StepReport) => void;
  /** Steps between two readings; 10 where left out. */
  readonly reportEvery?: number;
}
