import { destroyBuffer } from '../device/buffers.js';
import { ShapeError } from '../errors.js';
import { createBuffers } from '../graph/compile.js';
import type { NetworkState } from '../graph/state.js';
import { compileTraining, type TrainingNetwork, type TrainingOptions } from '../graph/training.js';
import { planStepMetrics, statusBytes, stepStateBytes } from '../ops/loss.js';
import { type BufferRange, bindPlan, compilePlan, tensorBytes } from '../ops/plan.js';
import { compileTeacher, type Teacher } from './distillation.js';
import { compileGradientSums } from './gradientSums.js';
import { compileLossScaling, type LossScaling } from './lossScaling.js';
import { compileOptimiser, type Optimiser } from './optimiser.js';
import type { TrainerOptions } from './trainerOptions.js';

/** Steps whose numbers stay on the GPU until they are read. */
export const ringSteps = 64;
const storage = 0x80 | 0x04 | 0x08;

/** A whole step: the teacher where there is one, forward, loss, backward, metrics, update. */
export interface CompiledStep {
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
export async function compileStep(state: NetworkState, options: TrainerOptions): Promise<CompiledStep> {
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

/** All of a buffer. */
export function wholeBuffer(buffer: GPUBuffer): BufferRange {
  return { buffer, offset: 0, size: buffer.size };
}

function checkMicroBatch(microBatch: number, batch: number): void {
  if (Number.isSafeInteger(microBatch) && microBatch > 0 && batch % microBatch === 0) return;
  const expected = `a divisor of the batch of ${batch}`;
  throw new ShapeError({ operation: 'train', parameter: 'microBatch', expected, got: String(microBatch) });
}
