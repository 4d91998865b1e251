import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NumericError, UnsupportedError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { createState, type NetworkState, writeState } from '../graph/state.js';
import { stepsPerEpoch } from '../io/batches.js';
import { channelStatistics, type ImageDataset, type Normalisation } from '../io/dataset.js';
import { fileName } from '../io/fileName.js';
import { imageNetNormalisation } from '../io/picture.js';
import { writeAtomically } from '../io/writeAtomically.js';
import { initialParameters } from '../models/initialise.js';
import { networkByName } from '../models/networkByName.js';
import type { Precision } from '../ops/precision.js';
import { type Checkpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../train/checkpoint.js';
import type { DistillationOptions } from '../train/distillation.js';
import { compileEvaluation } from '../train/evaluation.js';
import type { OptimiserOptions } from '../train/optimiser.js';
import { defaultGroups } from '../train/parameterGroups.js';
import type { Schedule } from '../train/schedule.js';
import { createTrainer, type StepReport, type Trainer, type TrainerOptions } from '../train/trainer.js';
import { openWeights } from '../weights/weightsFile.js';
import { adapterName, openForCommand } from './adapter.js';
import { usualEvaluationBatch } from './batchSize.js';
import { checkpointFile, checkpointName, readCheckpoint } from './checkpointFile.js';
import { drawCurves } from './curves.js';
import { checkClassNames, loadData, type ReadLimits } from './data.js';
import { interruptSignal } from './interrupt.js';
import { isMoment, loadWithBar, openSource } from './model.js';
import { type Output, percent, sayApart } from './output.js';
import { progressBar } from './progress.js';
import { namedNetwork } from './summary.js';
import { terminalText } from './terminal.js';
import { measuringBar, tuneInBackground, tuningOptions } from './tuning.js';
import { reasonOf, requireWritable, writeResult } from './writing.js';

export interface TrainFlags extends ReadLimits {
  readonly json: boolean;
  readonly adapter: string;
  readonly network: string;
  readonly width: number;
  readonly stemStride: number;
  readonly adjust: 'output' | 'input';
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

/** What a teacher brings into a training. */
export interface Guidance {
  readonly checkpoint: Checkpoint;
  /** Of a training of this many steps. */
  readonly distillation: (teacher: NetworkState, steps: number) => DistillationOptions;
  /** What a fresh student starts from; what `train` starts from where left out. */
  readonly start?: (student: Network) => ReadonlyMap<string, Float32Array>;
}

/** `icnet train`, and with a teacher `icnet distill`. */
export async function train(flags: TrainFlags, output: Output, guidance?: Guidance): Promise<void> {
  const started = performance.now();
  const resumed = flags.resume === undefined ? undefined : await readCheckpoint(flags.resume, output);
  const like = resumed ?? guidance?.checkpoint;
  const size = flags.input ?? like?.network.input ?? networkByName(flags.network).input;
  const folder = flags.output ?? join('runs', fileName(resumed?.network.name ?? networkByName(flags.network).name));
  const [checkpoint, curves] = [join(folder, checkpointName), join(folder, 'curves.svg')];
  for (const path of [checkpoint, curves]) await requireWritable('train', '--output', path);
  const data = await loadData(flags.data, size, output, flags);
  checkClassNames(data.train, like?.classNames);
  if (flags.input) checkInput(data.train, flags.input);
  const opened = await openForCommand(flags.adapter, output);
  try {
    const known = resumed?.normalisation ?? guidance?.checkpoint.normalisation;
    const normalisation = known ?? normalisationOf(data.train, flags);
    const state = resumed
      ? restoreState(opened.device, resumed)
      : await freshState(opened.device, flags, data.train, output, guidance?.start);
    const teacher = guidance && restoreState(opened.device, guidance.checkpoint);
    const options = withTeacher(trainerOptions(flags, data.train, normalisation), guidance, teacher);
    await mkdir(folder, { recursive: true });
    const { trainer, endTuning } = await compileTrainer(state, options, flags, output, resumed);
    const run = await trainToTheEnd(trainer, checkpoint, flags, output).finally(endTuning);

    const accuracy = run.interrupted ? undefined : await test(state, data.test, normalisation, flags, output);
    const tests = accuracy === undefined ? [] : [{ step: trainer.step, accuracy }];
    const title = terminalText(`${state.network.name} on ${data.train.name}`);
    const drawn = run.history.length > 0 ? drawCurves({ title, steps: run.history, tests }) : undefined;
    const drawnAt = drawn && (await writeResult(curves, drawn, output));
    const seconds = (performance.now() - started) / 1000;
    output.say(`Checkpoint: ${run.checkpoint}`);
    if (drawnAt) output.say(`Curves: ${drawnAt}`);
    output.say(
      accuracy === undefined
        ? `Stopped behind step ${trainer.step} of ${trainer.options.steps}; go on with --resume ${run.checkpoint}`
        : `${percent(accuracy)} of ${data.test.count.toLocaleString('en-US')} test images right, after ${trainer.step} steps and ${seconds.toFixed(1)} s`,
    );
    output.emit({
      event: 'done',
      testAccuracy: accuracy ?? null,
      steps: trainer.step,
      seconds,
      checkpoint: run.checkpoint,
      adapter: adapterName(opened.adapter),
    });
    trainer.dispose();
    teacher?.dispose();
    state.dispose();
  } finally {
    opened.close();
  }
}

/** A size is for pictures; other data has its own. */
function checkInput(dataset: ImageDataset, { height, width, channels }: Network['input']): void {
  const own = `${dataset.height}x${dataset.width}x${dataset.channels}`;
  const asked = `${height}x${width}x${channels}`;
  if (own === asked) return;
  const expected = `the ${own} of ${dataset.name}; only pictures become another size`;
  throw new UnsupportedError({ operation: 'train', parameter: '--input', expected, got: asked });
}

function withTeacher(
  options: TrainerOptions,
  guidance: Guidance | undefined,
  teacher: NetworkState | undefined,
): TrainerOptions {
  if (!guidance || !teacher) return options;
  return { ...options, distillation: guidance.distillation(teacher, options.steps) };
}

/** Weights from elsewhere expect pictures as torchvision's networks do; a fresh network expects what its data is like. */
function normalisationOf(dataset: ImageDataset, { weights }: TrainFlags): Normalisation {
  return weights !== undefined && dataset.channels === 3 ? imageNetNormalisation : channelStatistics(dataset);
}

async function freshState(
  device: GPUDevice,
  flags: TrainFlags,
  dataset: ImageDataset,
  output: Output,
  start: Guidance['start'] = (network) => initialParameters(network, flags.seed),
): Promise<NetworkState> {
  const { height, width, channels, classes } = dataset;
  const network: Network = namedNetwork(flags.network, { ...flags, input: { height, width, channels }, classes });
  const state = createState(device, network);
  if (flags.weights === undefined) {
    writeState(state, start(network));
    return state;
  }
  const { seed, replaceHead = false, freshAdjust = false } = flags;
  const file = await openWeights(await openSource(await checkpointFile(flags.weights, output)));
  const fresh = (name: string): boolean => freshAdjust && name.endsWith('.adjust');
  await loadWithBar(state, file, { seed, replaceHead, fresh, unused: isMoment }, output);
  return state;
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

/** A training that is ready, and what ends the measuring beside it. */
interface CompiledTrainer {
  readonly trainer: Trainer;
  endTuning(): void;
}

/** Compiles a training, with bars of what is compiled and measured; goes on from a checkpoint where there is one. */
export async function compileTrainer(
  state: NetworkState,
  options: TrainerOptions,
  flags: Pick<TrainFlags, 'tune' | 'tuneBackground'>,
  output: Output,
  resumed?: Checkpoint,
): Promise<CompiledTrainer> {
  const measuring = measuringBar(output);
  let bar: ReturnType<typeof progressBar> | undefined;
  const onProgress: TrainerOptions['onProgress'] = ({ compiled, total }) => {
    bar ??= progressBar('Compiling', total, output);
    bar.update(compiled);
  };
  try {
    let trainer: Trainer | undefined;
    const background = flags.tuneBackground
      ? await tuneInBackground(state.device, () => trainer?.step ?? 0, output)
      : undefined;
    const tuning = background ? { tune: background.tuner } : tuningOptions(flags.tune, measuring, output);
    trainer = await createTrainer(state, { ...options, onProgress, ...tuning });
    if (resumed) restoreTrainer(trainer, resumed);
    return { trainer, endTuning: () => background?.end() };
  } finally {
    measuring.stop();
    bar?.stop();
  }
}

/** A training that was run to its end, or to where it was interrupted. */
export interface Run {
  readonly history: StepReport[];
  /** Where it lies, which is elsewhere than asked where it could not be written there. */
  readonly checkpoint: string;
  readonly interrupted: boolean;
}

/**
 * Trains on, reports every step and saves checkpoints.
 *
 * @throws NumericError naming the last good checkpoint, too.
 */
export async function trainToTheEnd(
  trainer: Trainer,
  checkpoint: string,
  flags: Pick<TrainFlags, 'saveEvery' | 'resume'>,
  output: Output,
): Promise<Run> {
  const { steps, batch, dataset } = trainer.options;
  const history: StepReport[] = [];
  output.say(
    `${trainer.state.network.name} on ${dataset.name}: ${steps} steps of ${batch} images, ${trainer.dispatches} dispatches each`,
  );
  const { distillation } = trainer.options;
  if (distillation) {
    const { teacher, end } = distillation;
    output.say(
      `Taught by ${teacher.network.name} for ${end} steps, ${trainer.distillationDispatches} dispatches more each`,
    );
  }
  const interrupt = interruptSignal(() => sayApart('Stopping behind this step; again to end at once.', output));
  const bar = progressBar('Training', steps, output);
  const onStep = (report: StepReport): void => {
    history.push(report);
    output.emit({ event: 'step', ...report });
    const recent = history.slice(-20);
    const mean = (of: 'loss' | 'accuracy'): number => recent.reduce((sum, step) => sum + step[of], 0) / recent.length;
    bar.update(report.step + 1, `loss ${mean('loss').toFixed(4)}, ${percent(mean('accuracy'))} right`);
  };
  const { normalisation } = trainer.options;
  let lastGood = flags.resume;
  /** Where the checkpoint behind the last step lies. */
  let saved: string | undefined;
  try {
    while (saved === undefined) {
      const untilSave = flags.saveEvery - (trainer.step % flags.saveEvery);
      await trainer.run({ steps: untilSave, signal: interrupt.signal, onStep });
      const isLast = trainer.step >= steps || interrupt.signal.aborted;
      const bytes = await encodeCheckpoint(trainer.state, { trainer, normalisation });
      if (isLast) saved = await writeResult(checkpoint, bytes, output);
      else if (await isSaved(checkpoint, bytes, output)) lastGood = checkpoint;
    }
  } catch (error) {
    throw error instanceof NumericError && lastGood !== undefined ? withLastGood(error, lastGood) : error;
  } finally {
    bar.stop();
    interrupt.release();
  }
  return { history, checkpoint: saved, interrupted: interrupt.signal.aborted };
}

/** Saves on the way; what hinders that is said, and may be gone at the next time. */
async function isSaved(checkpoint: string, bytes: Uint8Array, output: Output): Promise<boolean> {
  try {
    await writeAtomically(checkpoint, bytes);
    return true;
  } catch (error) {
    sayApart(`${checkpoint} cannot be written (${reasonOf(error)}); the training goes on and tries again`, output);
    return false;
  }
}

/** Says which checkpoint is the last good one: what was saved before is left as it is. */
function withLastGood(error: NumericError, checkpoint: string): NumericError {
  const expected = `${error.expected}; the last good checkpoint is ${checkpoint}`;
  return new NumericError({ ...error, expected }, { cause: error });
}

/** The share of a data set's images that a network gets right. */
export async function test(
  state: NetworkState,
  dataset: ImageDataset,
  normalisation: Normalisation,
  flags: Pick<TrainFlags, 'tune'>,
  output: Output,
): Promise<number> {
  const batch = Math.min(usualEvaluationBatch(state.network), dataset.count);
  const measuring = measuringBar(output);
  const tuning = tuningOptions(flags.tune, measuring, output);
  const evaluation = await compileEvaluation(state, { batch, ...tuning }).finally(() => measuring.stop());
  const bar = progressBar('Testing', dataset.count, output);
  try {
    const result = await evaluation.run(dataset, normalisation, { onProgress: (images) => bar.update(images) });
    output.emit({ event: 'eval', ...result });
    return result.accuracy;
  } finally {
    bar.stop();
    evaluation.dispose();
  }
}
