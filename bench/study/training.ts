import { existsSync } from 'node:fs';
import { createState, type NetworkState, readState, writeState } from '../../src/graph/state.js';
import type { ImageDataset } from '../../src/io/dataset.js';
import { writeAtomically } from '../../src/io/writeAtomically.js';
import { percent } from '../../src/terminal/output.js';
import { encodeCheckpoint, restoreState, restoreTrainer } from '../../src/train/checkpoint.js';
import type { DistillationOptions } from '../../src/train/distillation.js';
import { compileEvaluation } from '../../src/train/evaluation.js';
import { loadCheckpoint } from '../../src/train/files.js';
import { defaultGroups } from '../../src/train/parameterGroups.js';
import { createTrainer, type StepReport, type Trainer, type TrainerOptions } from '../../src/train/trainer.js';
import { checkpointPath, costOf, type Job, teacherOf, workOf } from './jobs.js';
import type { StudyRecord, Test } from './records.js';
import type { Remaining } from './remaining.js';
import type { StudySettings } from './settings.js';
import { networkOf, startOf, type Teaching, teachingOf } from './variants.js';

/** What a training of the study needs around it. */
export interface TrainingContext {
  readonly device: GPUDevice;
  readonly settings: StudySettings;
  readonly folder: string;
  readonly job: Job;
  readonly keep: (record: StudyRecord) => Promise<void>;
  readonly say: (words: string) => void;
  readonly clock: Remaining;
  readonly signal: AbortSignal;
}

const evaluationBatch = 250;

/**
 * Trains one network from its last checkpoint, or from the start, and tests it; a checkpoint is written at every look at
 * the watched images. Returns early where the signal aborts.
 */
export async function trainOne(context: TrainingContext): Promise<void> {
  const { device, settings, folder, job, keep, say, clock, signal } = context;
  const { key, data, variant } = job;
  const path = checkpointPath(folder, key);
  const checkpoint = existsSync(path) ? await loadCheckpoint(path) : undefined;
  const made: { dispose(): void }[] = [];
  const hold = <Made extends { dispose(): void }>(one: Made): Made => {
    made.push(one);
    return one;
  };
  try {
    const teaching = teachingOf(variant, settings);
    const teacher = teaching && hold(await loadTeacher(context));
    const begun = variant.inherits && teacher ? learnedValues(await readState(teacher)) : undefined;
    const state = hold(checkpoint ? restoreState(device, checkpoint) : freshState(device, settings, job, begun));
    const distillation = teaching && teacher && teachingOptions(teaching, teacher, settings);
    const options = trainerOptions(settings, job, distillation);
    const trainer = hold(await createTrainer(state, options));
    if (checkpoint) restoreTrainer(trainer, checkpoint);
    const evaluation = hold(await compileEvaluation(state, { batch: evaluationBatch }));
    const test = async (dataset: ImageDataset): Promise<Test> => {
      const { images, loss, accuracy } = await evaluation.run(dataset, data.normalisation);
      return { images, loss, accuracy };
    };
    while (trainer.step < settings.steps) {
      const stretch = await trainStretch(trainer, settings, signal);
      if (!stretch) return;
      const watched = await test(data.watched);
      await keep({ kind: 'stretch', ...key, ...stretch, watched });
      await writeAtomically(path, await encodeCheckpoint(state, { trainer, normalisation: data.normalisation }));
      clock.done((workOf(job, settings) * stretch.losses.length) / settings.steps);
      say(`step ${trainer.step} of ${settings.steps}, test error ${percent(1 - watched.accuracy)}, ${clock.words}`);
    }
    await keep({ kind: 'end', ...key, ...costOf(job, settings), tested: await test(data.tested) });
  } finally {
    for (const one of made.reverse()) one.dispose();
  }
}

/**
 * The state that a variant starts from.
 *
 * @param inherited - what it takes over from another network
 */
export function freshState(
  device: GPUDevice,
  settings: StudySettings,
  { key, data, variant }: Job,
  inherited?: ReadonlyMap<string, Float32Array>,
): NetworkState {
  const network = networkOf(variant, settings, data.train);
  const state = createState(device, network);
  writeState(state, startOf(variant, network, key.seed, settings, inherited));
  return state;
}

/** What a network has learned, without the statistics of the batches it learned from. */
function learnedValues(values: ReadonlyMap<string, Float32Array>): Map<string, Float32Array> {
  return new Map([...values].filter(([name]) => !/running_|num_batches/.test(name)));
}

/** How a job's network is trained. */
export function trainerOptions(
  { batch, steps, learningRate, weightDecay, adjustRate, crop, flip }: StudySettings,
  { key, data, variant }: Job,
  distillation?: DistillationOptions,
): TrainerOptions {
  return {
    dataset: data.train,
    normalisation: data.normalisation,
    batch,
    steps,
    seed: key.seed,
    optimiser: {
      kind: 'sgd',
      learningRate,
      nesterov: true,
      weightDecay,
      groups: defaultGroups(variant.adjustRate ?? adjustRate),
    },
    // A mirrored digit is none.
    augmentation: { padding: crop, flip: flip > 0 && data.name !== 'MNIST' },
    schedule: { kind: 'cosine', warmUp: Math.floor(steps / 20) },
    ...(distillation && { distillation }),
  };
}

/** A variant's teaching for a training of this many steps. */
export function teachingOptions(
  { end, ...teaching }: Teaching,
  teacher: NetworkState,
  { steps }: StudySettings,
): DistillationOptions {
  return { ...teaching, teacher, end: Math.max(1, Math.round(end * steps)) };
}

async function loadTeacher({ device, folder, job }: TrainingContext): Promise<NetworkState> {
  return restoreState(device, await loadCheckpoint(checkpointPath(folder, teacherOf(job.key))));
}

/** Trains up to the next look; nothing where that was interrupted. */
async function trainStretch(
  trainer: Trainer,
  { steps, looks }: StudySettings,
  signal: AbortSignal,
): Promise<{ first: number; losses: number[]; accuracies: number[]; seconds: number } | undefined> {
  const first = trainer.step;
  const done = Math.floor((first * looks) / steps + 1e-9);
  const end = Math.round(((done + 1) * steps) / looks);
  const reports: StepReport[] = [];
  const started = performance.now();
  await trainer.run({ steps: end - first, signal, onStep: (report) => reports.push(report) });
  if (trainer.step < end) return undefined;
  return {
    first,
    losses: reports.map(({ loss, distillation }) => distillation?.crossEntropy ?? loss),
    accuracies: reports.map(({ accuracy }) => accuracy),
    seconds: (performance.now() - started) / 1000,
  };
}
