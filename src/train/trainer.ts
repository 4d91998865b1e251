import { destroyBuffer, readBuffer } from '../device/buffers.js';
import { NumericError, ShapeError } from '../errors.js';
import { type CompileOptions, createBuffers } from '../graph/compile.js';
import { elementCount } from '../graph/parameters.js';
import type { NetworkState } from '../graph/state.js';
import { compileTraining, type TrainingNetwork } from '../graph/training.js';
import { createBatcher } from '../io/batches.js';
import type { ImageDataset, Normalisation } from '../io/dataset.js';
import { planStepMetrics, stepStateBytes } from '../ops/loss.js';
import { bindPlan, compilePlan, tensorBytes } from '../ops/plan.js';
import { checkDataset } from './evaluation.js';
import { compileOptimiser, type Optimiser, type OptimiserOptions } from './optimiser.js';
import { checkSchedule, learningRateAt, type Schedule } from './schedule.js';
import { stepQueue } from './stepQueue.js';

/** What a training is made of. */
export interface TrainerOptions extends CompileOptions {
  readonly dataset: ImageDataset;
  readonly normalisation: Normalisation;
  readonly batch: number;
  /** Steps of the whole training, which the schedule spans. */
  readonly steps: number;
  readonly optimiser: OptimiserOptions;
  readonly schedule: Schedule;
  /** Decides order and augmentation; an integer. */
  readonly seed: number;
  readonly labelSmoothing?: number;
  /** Random crops out of the image with a border of zeros this wide, and mirroring. */
  readonly augmentation?: { readonly padding?: number; readonly flip?: boolean };
}

/** What a finished step tells. */
export interface StepReport {
  /** Counted from 0. */
  readonly step: number;
  readonly loss: number;
  /** Share of the batch that was right. */
  readonly accuracy: number;
  readonly learningRate: number;
}

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

/** A network in training. */
export interface Trainer {
  readonly state: NetworkState;
  readonly options: TrainerOptions;
  readonly optimiser: Optimiser;
  /** The next step. */
  step: number;
  /** Dispatches of one step. */
  readonly dispatches: number;
  readonly arenaBytes: number;
  /**
   * Trains on.
   *
   * @throws NumericError where a step's loss is not finite, naming the step; the parameters then are those ahead of it.
   * DeviceLostError where the device is gone.
   */
  run(options?: RunOptions): Promise<void>;
  dispose(): void;
}

const ringSteps = 64;
const storage = 0x80 | 0x04 | 0x08;

/**
 * Compiles a training. It goes on from `trainer.step`, and since a step depends on state, options and its number alone, a
 * training that was stopped and restored gives bit for bit what an uninterrupted one gives on the same adapter.
 *
 * @throws ShapeError, LimitError, UnsupportedError; the signal's reason when compiling is aborted.
 */
export async function createTrainer(state: NetworkState, options: TrainerOptions): Promise<Trainer> {
  const { device } = state;
  const { batch, dataset, normalisation, seed, augmentation = {}, schedule, optimiser: optimiserOptions } = options;
  checkSchedule(schedule);
  checkSteps('steps', options.steps);
  checkDataset(state.network, dataset);
  const batcher = createBatcher(dataset, { batch, seed, shuffle: true, ...augmentation, ...normalisation });
  const compiled = await compileStep(state, options);
  const { training, optimiser, stepState, status, ring } = compiled;
  const images = new Float32Array(batch * elementCount(training.inputShape.slice(1)));
  const labels = new Uint32Array(batch);
  const rateAt = (step: number): number => learningRateAt(schedule, optimiserOptions.learningRate, step, options.steps);

  async function report(first: number, end: number, onStep: RunOptions['onStep']): Promise<void> {
    const [ringBytes, statusBytes] = await Promise.all([readBuffer(device, ring), readBuffer(device, status)]);
    const values = new Float32Array(ringBytes);
    const bad = new Uint32Array(statusBytes)[0]!;
    for (let step = first; step < end; step++) {
      const loss = values[(step % ringSteps) * 2]!;
      if (bad !== 0 && step >= bad - 1) {
        throw new NumericError({
          operation: 'train',
          parameter: `loss of step ${bad - 1}`,
          expected: 'a finite number; a lower learning rate or gradient clipping may help',
          got: String(loss),
        });
      }
      onStep?.({ step, loss, accuracy: values[(step % ringSteps) * 2 + 1]! / batch, learningRate: rateAt(step) });
    }
  }

  const trainer: Trainer = {
    state,
    options,
    optimiser,
    step: 0,
    dispatches: compiled.dispatches,
    arenaBytes: training.arenaBytes,
    async run({ steps, signal, onStep, reportEvery = 10 } = {}) {
      checkReportEvery(reportEvery);
      const end = Math.min(options.steps, steps === undefined ? options.steps : trainer.step + steps);
      const queue = stepQueue(device);
      let reported = trainer.step;
      let reading = Promise.resolve();
      while (trainer.step < end && !signal?.aborted) {
        batcher.fill(trainer.step, images, labels);
        await queue.room();
        device.queue.writeBuffer(training.input.buffer, training.input.offset, images);
        device.queue.writeBuffer(training.labels.buffer, training.labels.offset, labels);
        device.queue.writeBuffer(stepState, 0, optimiser.stepState(trainer.step, rateAt(trainer.step)));
        queue.submit('training step', compiled.encode);
        trainer.step++;
        if (trainer.step - reported >= reportEvery) {
          await reading;
          reading = report(reported, trainer.step, onStep);
          // Awaited at the next reading or at the end; until then a rejection is not unhandled.
          reading.catch(() => {});
          reported = trainer.step;
        }
      }
      await reading;
      await report(reported, trainer.step, onStep);
    },
    dispose: compiled.dispose,
  };
  return trainer;
}

/** A whole step: forward, loss, backward, metrics, update. */
interface CompiledStep {
  readonly training: TrainingNetwork;
  readonly optimiser: Optimiser;
  readonly stepState: GPUBuffer;
  readonly status: GPUBuffer;
  readonly ring: GPUBuffer;
  readonly dispatches: number;
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

/** Compiles a step; where that fails, nothing is left on the device. */
async function compileStep(state: NetworkState, options: TrainerOptions): Promise<CompiledStep> {
  const { device } = state;
  const training = await compileTraining(state, options);
  const made: GPUBuffer[] = [];
  try {
    const buffers = await createBuffers(device, [
      { label: 'step state', size: stepStateBytes, usage: 0x40 | 0x08 },
      { label: 'training status', size: tensorBytes(1), usage: storage },
      { label: 'step losses', size: tensorBytes(ringSteps, 2), usage: storage },
    ]);
    made.push(...buffers);
    const [stepState, status, ring] = buffers as [GPUBuffer, GPUBuffer, GPUBuffer];
    const whole = (buffer: GPUBuffer) => ({ buffer, offset: 0, size: buffer.size });
    const metrics = bindPlan(await compilePlan(device, planStepMetrics(options.batch, ringSteps)), {
      losses: training.losses,
      ranks: training.ranks,
      ring: whole(ring),
      status: whole(status),
      stepState: whole(stepState),
    });
    const shared = { gradients: training.gradients, stepState, status };
    const optimiser = await compileOptimiser(state, options.optimiser, shared);
    return {
      training,
      optimiser,
      stepState,
      status,
      ring,
      dispatches: training.dispatches + metrics.dispatches + optimiser.dispatches,
      encode(pass) {
        training.encode(pass);
        metrics.encode(pass);
        optimiser.encode(pass);
      },
      dispose() {
        training.dispose();
        optimiser.dispose();
        for (const buffer of made) destroyBuffer(device, buffer);
      },
    };
  } catch (error) {
    training.dispose();
    for (const buffer of made) destroyBuffer(device, buffer);
    throw error;
  }
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
