import { readBuffer, readBuffers, writeBuffer } from '../device/buffers.js';
import { lifetime } from '../device/lifetime.js';
import { ShapeError } from '../errors.js';
import { tunerOf } from '../graph/compile.js';
import type { Network } from '../graph/network.js';
import { elementCount } from '../graph/parameters.js';
import type { NetworkState } from '../graph/state.js';
import { type Used, using } from '../graph/uses.js';
import { createBatcher } from '../io/batches.js';
import type { Form } from '../ops/forms.js';
import { faultBytes } from '../ops/lossScale.js';
import { checkPrecision } from '../ops/precision.js';
import { recordText, trainingRecord } from './checkpointRecord.js';
import { compileStep, ringSteps, wholeBuffer } from './compiledStep.js';
import { checkDistillation, distillationWeightAt } from './distillation.js';
import { checkDataset } from './evaluation.js';
import type { Optimiser } from './optimiser.js';
import { checkSchedule, learningRateAt } from './schedule.js';
import { type StepQueue, stepQueue } from './stepQueue.js';
import { failure, goodSteps } from './stepStatus.js';
import type { RunOptions, TrainerOptions } from './trainerOptions.js';

export type { RunOptions, StepReport, TrainerOptions } from './trainerOptions.js';

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

const usualReportEvery = 10;

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
