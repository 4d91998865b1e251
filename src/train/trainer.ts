import { destroyBuffer, readBuffer, readBuffers, writeBuffer } from '../device/buffers.js';
import { lifetime } from '../device/lifetime.js';
import { NumericError, ShapeError } from '../errors.js';
import { type CompileOptions, createBuffers, tunerOf } from '../graph/compile.js';
import type { Network } from '../graph/network.js';
import { elementCount } from '../graph/parameters.js';
import type { NetworkState } from '../graph/state.js';
import { compileTraining, type TrainingNetwork, type TrainingOptions } from '../graph/training.js';
import { type Used, using } from '../graph/uses.js';
import { createBatcher } from '../io/batches.js';
import type { ImageDataset, Normalisation } from '../io/dataset.js';
import type { Form } from '../ops/forms.js';
import { planStepMetrics, statusBytes, stepStateBytes } from '../ops/loss.js';
import { faultBytes } from '../ops/lossScale.js';
import { type BufferRange, bindPlan, compilePlan, tensorBytes } from '../ops/plan.js';
import { checkPrecision, type PrecisionOptions } from '../ops/precision.js';
import { recordText, trainingRecord } from './checkpointRecord.js';
import {
  checkDistillation,
  compileTeacher,
  type DistillationOptions,
  distillationWeightAt,
  type Teacher,
} from './distillation.js';
import { checkDataset } from './evaluation.js';
import { compileGradientSums } from './gradientSums.js';
import { compileLossScaling, type LossScaling, type LossScalingOptions } from './lossScaling.js';
import { compileOptimiser, type Optimiser, type OptimiserOptions } from './optimiser.js';
import { checkSchedule, learningRateAt, type Schedule } from './schedule.js';
import { type StepQueue, stepQueue } from './stepQueue.js';

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

/**
 * A network in training. Its state is at every moment, in the order of the queue, that behind a whole step: looked at from
 * elsewhere while it trains, as by `encodeCheckpoint`, it is the one behind the last step submitted.
 */
export interface Trainer {
  /** What it trains. */
  readonly state: NetworkState;
  /** What it was made with. */
  readonly options: TrainerOptions;
  /** With what it carries from step to step. */
  readonly optimiser: Optimiser;
  /** The next step to submit. */
  step: number;
  /** Submits of a step, each of which counts as a batch for the running statistics. */
  readonly parts: number;
  /** Two uint32: 1 + the first step that was not finite, from which on the state stays as it is, or 0; and what of it was not. */
  readonly status: GPUBuffer;
  /** In float16, float32 [8]: the loss scale and what moves with it, as `planLossScale` has it. */
  readonly lossScale?: GPUBuffer;
  /** Dispatches of one step, without what a teacher adds. */
  readonly dispatches: number;
  /** What a teacher adds to a step, as long as it has a weight: its own dispatches and that of the loss; else 0. */
  readonly distillationDispatches: number;
  /** Of the memory that activations and gradients share. */
  readonly arenaBytes: number;
  /** The form of every operation that has several, by its key; with a background tuner those of the next step. */
  readonly forms: ReadonlyMap<string, Form>;
  /**
   * Trains on. It needs the state to itself, and the teacher's to stay as it is.
   *
   * @throws NumericError where a step's loss, a running statistic, a parameter or a moment would not be finite, in float16 even at a
   * loss scale of 1, naming the step: everything, `step` and what the optimiser carries included, then is as that step found it. BusyError while another
   * run, an evaluation or the loading of weights goes on with the state. DisposedError where trainer or state are disposed, or the
   * teacher while it leads; DeviceLostError where the device is gone.
   */
  run(options?: RunOptions): Promise<void>;
  /** Frees what the trainer owns; the state stays. */
  dispose(): void;
}

const ringSteps = 64;
const usualReportEvery = 10;
const storage = 0x80 | 0x04 | 0x08;

/**
 * Compiles a training. It goes on from `trainer.step`, and since a step depends on state, options and its number alone, a
 * training that was stopped and restored gives bit for bit what an uninterrupted one gives on the same adapter. With a background
 * tuner that holds as long as the forms in use are the same.
 *
 * @throws ShapeError, also for names, numbers or layers that no checkpoint could hold; LimitError, UnsupportedError,
 * DisposedError, DeviceLostError; the signal's reason when compiling is aborted.
 */
export async function createTrainer(state: NetworkState, options: TrainerOptions): Promise<Trainer> {
  const { device } = state;
  checkPrecision(device, 'train', options.precision);
  const { batch, dataset, normalisation, seed, augmentation = {}, schedule, optimiser: optimiserOptions } = options;
  const { distillation } = options;
  checkSchedule(schedule);
  checkSteps('steps', options.steps);
  checkDataset(state.network, dataset);
  if (distillation) checkDistillation(state, distillation, augmentation);
  const batcher = createBatcher(dataset, { batch, seed, shuffle: true, ...augmentation, ...normalisation });
  checkRecord(state.network, options);
  const compiled = await compileStep(state, options);
  const { training, optimiser, teacher, stepState, status, statistics, ring, distanceRing, scaling, parts } = compiled;
  const life = lifetime(device, 'trainer', compiled.dispose, state);
  const imageSize = elementCount(training.inputShape.slice(1));
  const images = new Float32Array(batch * imageSize);
  const labels = new Uint32Array(batch);
  const examples = new Uint32Array(batch);
  const rateAt = (step: number): number => learningRateAt(schedule, optimiserOptions.learningRate, step, options.steps);
  const weightAt = (step: number): number => (distillation ? distillationWeightAt(distillation, step) : 0);

  async function report(first: number, end: number, onStep: RunOptions['onStep']): Promise<void> {
    const rings = [ring, ...(distanceRing ? [distanceRing] : []), ...(scaling ? [scaling.ring] : [])];
    const [noted, ...read] = await readBuffers(device, [status, ...rings].map(wholeBuffer));
    const valuesOf = (one: GPUBuffer | undefined): Float32Array =>
      new Float32Array((one && read[rings.indexOf(one)]) ?? new ArrayBuffer(0));
    const [values, distances, scales] = [valuesOf(ring), valuesOf(distanceRing), valuesOf(scaling?.ring)];
    const good = goodSteps(noted!, end);
    for (let step = first; step < end; step++) {
      const slot = step % ringSteps;
      const crossEntropy = values[slot * 2]!;
      const weight = weightAt(step);
      const distance = weight > 0 ? distances[slot]! : 0;
      const loss = crossEntropy + weight * distance;
      if (step >= good) throw failure(state, noted!, loss);
      onStep?.({
        step,
        loss,
        accuracy: values[slot * 2 + 1]! / batch,
        learningRate: rateAt(step),
        ...(scaling && { lossScale: scales[slot * 2]!, skipped: scales[slot * 2 + 1] !== 0 }),
        ...(weight > 0 && { distillation: { crossEntropy, distance, weight } }),
      });
    }
  }

  /** Submits the next step. Between two of its parts the state is still that ahead of it. */
  async function submitStep(queue: StepQueue): Promise<void> {
    batcher.fill(trainer.step, images, labels, examples);
    const weight = weightAt(trainer.step);
    const distil = weight > 0;
    if (distil) training.distillation?.setWeight(weight);
    for (let part = 0; part < parts; part++) {
      await queue.room();
      if (distil) distillation?.teacher.assertUsable('train');
      const [first, end] = [part * training.batch, (part + 1) * training.batch];
      const partImages = images.subarray(first * imageSize, end * imageSize);
      writeBuffer(device, training.input.buffer, partImages, training.input.offset);
      writeBuffer(device, training.labels.buffer, labels.subarray(first, end), training.labels.offset);
      writeBuffer(device, stepState, optimiser.stepState(trainer.step, rateAt(trainer.step)));
      if (distil) teacher?.announce(examples.subarray(first, end));
      queue.submit(
        'training step',
        (pass) => compiled.encode(pass, part, distil),
        (encoder) => {
          if (part === 0) encoder.copyBufferToBuffer(state.statistics, 0, statistics, 0, statistics.size);
          scaling?.encodeAhead(encoder);
        },
      );
    }
    trainer.step++;
    state.batchesTracked += parts;
    // Behind the whole step: from here on other forms may be taken.
    training.submitted();
  }

  /** Sets the counters back to the last good step, where the GPU has left the rest. */
  async function forgetBadSteps(): Promise<void> {
    const good = goodSteps(await readBuffer(device, status), trainer.step);
    state.batchesTracked -= parts * (trainer.step - good);
    trainer.step = good;
    writeBuffer(device, status, new Uint32Array(2));
    if (training.scaling) writeBuffer(device, training.scaling.fault, new Uint32Array(faultBytes / 4));
  }

  async function runAlone({ steps, signal, onStep, reportEvery = usualReportEvery }: RunOptions): Promise<void> {
    const end = Math.min(options.steps, steps === undefined ? options.steps : trainer.step + steps);
    const queue = stepQueue(device, 'train', life, tunerOf(options));
    let reported = trainer.step;
    let reading = Promise.resolve();
    try {
      while (trainer.step < end && !signal?.aborted) {
        await submitStep(queue);
        if (trainer.step - reported < reportEvery) continue;
        await reading;
        reading = report(reported, trainer.step, onStep);
        // Awaited at the next reading or at the end; until then a rejection is not unhandled.
        reading.catch(() => {});
        reported = trainer.step;
      }
      await reading;
      await queue.end();
      await report(reported, trainer.step, onStep);
    } catch (error) {
      await reading.catch(() => {});
      // Nothing but the loss of the device keeps it from doing so, and then the state is lost, too.
      await forgetBadSteps().catch(() => {});
      throw error;
    }
  }

  const used: Used[] = [{ thing: state, name: 'state', use: 'step' }];
  if (distillation) used.push({ thing: distillation.teacher, name: 'teacher', use: 'read' });
  const trainer: Trainer = {
    state,
    options,
    optimiser,
    step: 0,
    get dispatches() {
      return compiled.dispatches();
    },
    distillationDispatches: compiled.distillationDispatches,
    get arenaBytes() {
      return training.arenaBytes;
    },
    get forms() {
      return training.forms;
    },
    parts,
    status,
    ...(training.scaling && { lossScale: training.scaling.lossScale }),
    async run(runOptions = {}) {
      life.assertUsable('train');
      checkReportEvery(runOptions.reportEvery ?? usualReportEvery);
      await using('train', used, () => runAlone(runOptions));
    },
    dispose: life.dispose,
  };
  return trainer;
}

/** How many of the steps submitted are good: those ahead of the first that the status has noted. */
export function goodSteps(status: ArrayBuffer, submitted: number): number {
  const [noted] = new Uint32Array(status);
  return noted === 0 ? submitted : Math.min(submitted, noted! - 1);
}

/** What a status notes of an update, and of a value that does not fit into float16. */
const ofUpdate = 0xffffffff;
const ofHalf = 0xfffffffe;

/** What a status says went wrong. */
function failure({ layout }: NetworkState, status: ArrayBuffer, loss: number): NumericError {
  const [noted, what] = new Uint32Array(status) as unknown as [number, number];
  const advice = 'a lower learning rate or gradient clipping may help';
  const error = (name: string, expected: string, got: string): NumericError =>
    new NumericError({
      operation: 'train',
      parameter: `${name} of step ${noted - 1}`,
      expected: `${expected}; ${advice}`,
      got,
    });
  if (what === ofHalf) return error('values', 'what float16 holds, up to 65504', 'larger ones at a loss scale of 1');
  if (what === 0) return error('loss', 'a finite number', `${loss}`);
  const statistic = layout.statistics.findLast(({ offset }) => offset < what)?.name;
  return error(what === ofUpdate ? 'update' : statistic!, 'finite numbers', 'NaN or infinity');
}

/** A whole step: the teacher where there is one, forward, loss, backward, metrics, update. */
interface CompiledStep {
  readonly training: TrainingNetwork;
  readonly optimiser: Optimiser;
  readonly teacher?: Teacher;
  readonly stepState: GPUBuffer;
  readonly status: GPUBuffer;
  /** The running statistics that a step moves; they become the state's where it is good. */
  readonly statistics: GPUBuffer;
  readonly ring: GPUBuffer;
  readonly distanceRing?: GPUBuffer;
  readonly scaling?: LossScaling;
  readonly distillationDispatches: number;
  /** Parts in which the batch is computed. */
  readonly parts: number;
  dispatches(): number;
  encode(pass: GPUComputePassEncoder, part: number, distil: boolean): void;
  dispose(): void;
}

/** Compiles a step; where that fails, nothing is left on the device. */
async function compileStep(state: NetworkState, options: TrainerOptions): Promise<CompiledStep> {
  const made: { dispose(): void }[] = [];
  const keep = <Made extends { dispose(): void }>(one: Made): Made => {
    made.push(one);
    return one;
  };
  const dispose = (): void => {
    for (const one of made) one.dispose();
  };
  try {
    const { distillation, batch, microBatch = batch } = options;
    checkMicroBatch(microBatch, batch);
    const parts = batch / microBatch;
    const partOptions = { ...options, batch: microBatch };
    const teacher = distillation && keep(await compileTeacher(distillation, options.dataset.count, partOptions));
    const description = { label: 'statistics of a step', size: state.statistics.size, usage: 0x80 | 0x08 };
    const [statistics] = (await createBuffers(state.device, [description])) as [GPUBuffer];
    keep({ dispose: () => destroyBuffer(state.device, statistics) });
    const wholeStep = { ...trainingOptions(partOptions, teacher), statistics, meanOver: batch };
    const training = keep(await compileTraining(state, wholeStep));
    const sums = parts > 1 ? keep(await compileGradientSums(state, training.gradients)) : undefined;
    const { lossScale, fault } = training.scaling ?? {};
    const metrics = keep(await compileMetrics(state, batch, training, statistics));
    const { stepState, status } = metrics;
    const shared = { gradients: sums?.buffer ?? training.gradients, stepState, status: fault ?? status, lossScale };
    const optimiser = keep(await compileOptimiser(state, options.optimiser, shared));
    const scaling =
      training.scaling &&
      keep(
        await compileLossScaling(
          state.device,
          training.scaling,
          { stepState, status, ringSteps },
          options.lossScaling ?? {},
          optimiser,
        ),
      );
    return {
      ...metrics,
      statistics,
      training,
      optimiser,
      ...(teacher && { teacher }),
      ...(scaling && { scaling }),
      parts,
      dispatches: () =>
        parts * (training.dispatches + metrics.dispatches + (sums?.dispatches ?? 0)) +
        optimiser.dispatches +
        (scaling?.dispatches ?? 0),
      distillationDispatches: parts * ((teacher?.dispatches ?? 0) + (training.distillation?.dispatches ?? 0)),
      encode(pass, part, distil) {
        if (distil) teacher?.encode(pass);
        training.encode(pass, distil);
        sums?.encode(pass, part === 0);
        const last = part === parts - 1;
        // Whether the step is good is known before anything of the state changes.
        if (last) optimiser.encodeCheck(pass);
        metrics.encode(pass, part, distil);
        if (last) {
          optimiser.encode(pass);
          scaling?.encode(pass);
        }
      },
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** The teacher's input is the student's, too. */
function trainingOptions(options: TrainerOptions, teacher: Teacher | undefined): TrainingOptions {
  const { distillation, ...rest } = options;
  if (!distillation || !teacher) return rest;
  const { loss, temperature } = distillation;
  const measure = { loss, ...(temperature !== undefined && { temperature }) };
  return { ...rest, input: teacher.input, distillation: { ...measure, teacherLogits: teacher.logits } };
}

/** What is kept of the steps. */
interface Metrics {
  readonly stepState: GPUBuffer;
  readonly status: GPUBuffer;
  readonly ring: GPUBuffer;
  readonly distanceRing?: GPUBuffer;
  readonly dispatches: number;
  /** Of a part of the batch: the first one begins the step's entry, the others add to it, the last one keeps the statistics. */
  encode(pass: GPUComputePassEncoder, part: number, distil: boolean): void;
  dispose(): void;
}

async function compileMetrics(
  state: NetworkState,
  batch: number,
  training: TrainingNetwork,
  statistics: GPUBuffer,
): Promise<Metrics> {
  const { device, layout } = state;
  const { losses, ranks, distillation } = training;
  const parts = batch / training.batch;
  const last = parts - 1;
  // Between the first and the last part all are alike.
  const kinds = [...new Set([0, Math.min(1, last), last])].flatMap((part) =>
    [false, ...(distillation ? [true] : [])].map((distances) => ({ part, distances })),
  );
  const plans = kinds.map(({ part, distances }) =>
    planStepMetrics(training.batch, ringSteps, {
      distances,
      meanOver: batch,
      accumulate: part > 0,
      statistics: part === last ? layout.statisticsCount : 0,
    }),
  );
  const compiled = await Promise.all(plans.map((plan) => compilePlan(device, plan)));
  const buffers = await createBuffers(device, [
    { label: 'step state', size: stepStateBytes, usage: 0x40 | 0x08 },
    { label: 'training status', size: statusBytes, usage: storage },
    { label: 'step losses', size: tensorBytes(ringSteps, 2), usage: storage },
    ...(distillation ? [{ label: 'step distances', size: tensorBytes(ringSteps), usage: storage }] : []),
  ]);
  const [stepState, status, ring, distanceRing] = buffers as [GPUBuffer, GPUBuffer, GPUBuffer, GPUBuffer | undefined];
  const bound = compiled.map((plan) =>
    bindPlan(plan, {
      losses,
      ranks,
      ring: wholeBuffer(ring),
      // In float16 of this step alone.
      status: wholeBuffer(training.scaling?.fault ?? status),
      stepState: wholeBuffer(stepState),
      statistics: wholeBuffer(statistics),
      running: wholeBuffer(state.statistics),
      ...(distillation &&
        distanceRing && { distances: distillation.distances, distanceRing: wholeBuffer(distanceRing) }),
    }),
  );
  return {
    stepState,
    status,
    ring,
    ...(distanceRing && { distanceRing }),
    dispatches: bound[0]!.dispatches,
    encode(pass, part, distil) {
      const like = part === last ? last : Math.min(part, 1);
      bound[kinds.findIndex((kind) => kind.part === like && kind.distances === distil)]!.encode(pass);
    },
    dispose() {
      for (const buffer of buffers) destroyBuffer(device, buffer);
    },
  };
}

/** What no checkpoint could hold is found before the training, not behind it. */
function checkRecord(network: Network, options: TrainerOptions): void {
  const { normalisation, dataset } = options;
  // Kinds of optimisers and of distillations are refused where they are compiled, and a loss scale is none but a trainer's.
  const training = {
    ...trainingRecord({ step: 0, options }),
    optimiser: 'sgd',
    distillation: undefined,
    precision: undefined,
  };
  recordText({ network, normalisation, training, classNames: dataset.classNames }, 'train');
}

function wholeBuffer(buffer: GPUBuffer): BufferRange {
  return { buffer, offset: 0, size: buffer.size };
}

function checkMicroBatch(microBatch: number, batch: number): void {
  if (Number.isSafeInteger(microBatch) && microBatch > 0 && batch % microBatch === 0) return;
  const expected = `a divisor of the batch of ${batch}`;
  throw new ShapeError({ operation: 'train', parameter: 'microBatch', expected, got: String(microBatch) });
}

function checkSteps(parameter: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new ShapeError({ operation: 'train', parameter, expected: 'a positive integer', got: String(value) });
}

function checkReportEvery(value: number): void {
  checkSteps('reportEvery', value);
  if (value <= ringSteps / 2) return;
  throw new ShapeError({
    operation: 'train',
    parameter: 'reportEvery',
    expected: `at most ${ringSteps / 2}`,
    got: `${value}`,
  });
}
