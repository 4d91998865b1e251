import { destroyBuffer, writeBuffer } from '../device/buffers.js';
import { lifetime } from '../device/lifetime.js';
import { type DistillationLoss, distillationWeightBytes, logitDistillation } from '../ops/distillation.js';
import type { Form } from '../ops/forms.js';
import { lossScaleBytes } from '../ops/loss.js';
import { faultBytes } from '../ops/lossScale.js';
import { type BufferRange, tensorBytes } from '../ops/plan.js';
import { checkPrecision } from '../ops/precision.js';
import { type DeviceTraits, planningTraits } from '../ops/traits.js';
import {
  type BoundOperations,
  bindOperations,
  type CompileOptions,
  chooserFor,
  createBuffers,
  noteForms,
  tunerOf,
} from './compile.js';
import { checkFit } from './fit.js';
import {
  distancesTensor,
  distillationWeightTensor,
  faultTensor,
  inputTensor,
  labelsTensor,
  lossesTensor,
  lossScaleTensor,
  ranksTensor,
  teacherTensor,
} from './names.js';
import { inferShapes, type Shape } from './shapes.js';
import { type NetworkState, noteSubmitted, stateRanges } from './state.js';
import { planTraining, type TrainingPlanOptions } from './trainingPlan.js';

/** A network compiled for training steps on batches of one size: forward, loss, backward; no optimiser. */
export interface TrainingNetwork {
  /** Images of one step. */
  readonly batch: number;
  /** [batch, height, width, channels] */
  readonly inputShape: Shape;
  /** Of a step without the teacher. */
  readonly dispatches: number;
  /** Of the memory that activations and gradients share. */
  readonly arenaBytes: number;
  /** The form of every operation that has several, by its key; with a background tuner those in use now. */
  readonly forms: ReadonlyMap<string, Form>;
  /** Where the images (NHWC float32) and labels (uint32) are read from. */
  readonly input: BufferRange;
  /** [batch], uint32. */
  readonly labels: BufferRange;
  /** Left by a step: logits, each example's loss, how many classes are ahead of its label. */
  readonly logits: BufferRange;
  /** [batch] */
  readonly losses: BufferRange;
  /** [batch], uint32; 0 where the answer is right. */
  readonly ranks: BufferRange;
  /** With a teacher. */
  readonly distillation?: TrainingDistillation;
  /** The gradients of everything trained, laid out as the state's `trained`; in float16 those of the loss times its scale. */
  readonly gradients: GPUBuffer;
  /** In float16. */
  readonly scaling?: TrainingScaling;
  /**
   * Encodes one step, with or without the teacher. The running statistics move, unless they lie elsewhere; the trained
   * parameters stay.
   *
   * @throws DisposedError, DeviceLostError
   */
  encode(pass: GPUComputePassEncoder, distil?: boolean): void;
  /**
   * To be called behind the submit of a step's passes, which the network does not see: counts the batch. Until then, and for
   * ever where it is left out, networks compiled for inference derive what they need from the state in every pass anew, and no
   * form that a background tuner finds is taken.
   */
  submitted(): void;
  /** Frees what the compiled network owns; the state stays. */
  dispose(): void;
}

/** What keeps the gradients of a training in float16 within its range. */
export interface TrainingScaling {
  /** Float32 [8], of which steps read the second: what they multiply the loss by, 65536 at first. `planLossScale` has the others. */
  readonly lossScale: GPUBuffer;
  /** Uint32 [4], zeros at first: not 0 in the first from where a step stored something that does not fit. */
  readonly fault: GPUBuffer;
}

/** What a teacher adds to training steps. */
export interface TrainingDistillation {
  /** Its dispatches in a step: the loss alone, as the teacher is another network. */
  readonly dispatches: number;
  /** Left by a step: how far each example's logits are from the teacher's, not weighted. */
  readonly distances: BufferRange;
  /** Sets what the distance weighs in the steps that are submitted from here on. */
  setWeight(weight: number): void;
}

/** A training step's options. */
export interface TrainingOptions extends CompileOptions, Omit<TrainingPlanOptions, 'distillation'> {
  /** Images of one step. */
  readonly batch: number;
  /** Where the images are read from; a buffer of its own where left out. */
  readonly input?: BufferRange;
  /** Running statistics that are read and moved instead of the state's, laid out as these. */
  readonly statistics?: GPUBuffer;
  /** A loss beside cross entropy, and where the teacher's logits of the batch lie. */
  readonly distillation?: DistillationLoss & {
    /** [batch, classes] */
    readonly teacherLogits: BufferRange;
  };
}

/**
 * Compiles forward and backward passes of a network with mean softmax cross entropy.
 *
 * @throws ShapeError; UnsupportedError, also where `precision` is float16 and the device without `shader-f16`; LimitError that says
 * which batch or resolution would fit; DisposedError, DeviceLostError; the signal's reason when aborted.
 */
export async function compileTraining(state: NetworkState, options: TrainingOptions): Promise<TrainingNetwork> {
  const { device, network } = state;
  state.assertUsable('compile');
  const { batch, distillation, precision } = options;
  checkPrecision(device, 'compile', precision);
  const half = precision === 'float16';
  const seat = tunerOf(options)?.open(device);
  const planner = (traits: DeviceTraits) => planTraining(network, batch, options, traits);
  await checkFit(device, network, batch, (net, size, traits) => planTraining(net, size, options, traits).operations);
  const noted = noteForms(seat?.choose ?? (await chooserFor(device, planner, options)));
  const traits = planningTraits(device);
  const plan = planner({ ...traits, choose: noted.choose });
  const inputShape = inferShapes(network, batch).get('input')!;
  const storage = 0x80 | 0x08 | 0x04;
  const own = await createBuffers(device, [
    { label: 'gradients', size: state.trained.size, usage: storage },
    { label: 'labels', size: tensorBytes(batch), usage: storage },
    ...(options.input ? [] : [{ label: 'input', size: tensorBytes(...inputShape), usage: storage }]),
    ...(half ? [{ label: 'fault', size: faultBytes, usage: storage }] : []),
    ...(half ? [{ label: 'loss scale', size: lossScaleBytes, usage: storage }] : []),
    ...(distillation ? [{ label: 'distillation weight', size: distillationWeightBytes, usage: 0x40 | 0x08 }] : []),
  ]);
  const named = (label: string): GPUBuffer => own.find((buffer) => buffer.label === label)!;
  const whole = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
  const gradients = named('gradients');
  const external = stateRanges(state, gradients, options.statistics);
  external.set(inputTensor, options.input ?? whole(named('input')));
  external.set(labelsTensor, whole(named('labels')));
  if (distillation) {
    external.set(teacherTensor, distillation.teacherLogits);
    external.set(distillationWeightTensor, whole(named('distillation weight')));
  }
  if (half) {
    external.set(faultTensor, whole(named('fault')));
    external.set(lossScaleTensor, whole(named('loss scale')));
    writeBuffer(device, named('loss scale'), Float32Array.of(1 / 65536, 65536, 1, 1, 0, 1, 1, 0));
  }
  const kept = [plan.logits, lossesTensor, ranksTensor, distancesTensor];
  let bound: BoundOperations;
  try {
    bound = await bindOperations(device, plan.operations, external, kept, options);
  } catch (error) {
    for (const buffer of own) destroyBuffer(device, buffer);
    throw error;
  }
  const first = bound;
  const adoption =
    seat &&
    (await import('./adoption.js')).adopt(seat, {
      name: network.name,
      operations: (others) => planner(others).operations,
      traits,
      noted,
      device,
      bound: first,
      external,
      kept,
      replace(others) {
        bound = others;
      },
    });
  const life = lifetime(
    device,
    'training',
    () => {
      adoption?.leave();
      first.dispose();
      for (const buffer of own) destroyBuffer(device, buffer);
    },
    state,
  );
  return {
    batch,
    inputShape,
    get dispatches() {
      return bound.dispatches - bound.dispatchesOf(logitDistillation);
    },
    get arenaBytes() {
      return bound.arenaBytes;
    },
    get forms() {
      return (adoption ?? noted).forms;
    },
    input: external.get(inputTensor)!,
    labels: external.get(labelsTensor)!,
    logits: { ...bound.range(plan.logits), size: tensorBytes(...plan.logitsShape) },
    losses: { ...bound.range(lossesTensor), size: tensorBytes(batch) },
    ranks: { ...bound.range(ranksTensor), size: tensorBytes(batch) },
    gradients,
    ...(half && { scaling: { lossScale: named('loss scale'), fault: named('fault') } }),
    ...(distillation && {
      distillation: {
        dispatches: bound.dispatchesOf(logitDistillation),
        distances: { ...bound.range(distancesTensor), size: tensorBytes(batch) },
        setWeight(weight: number) {
          writeBuffer(device, named('distillation weight'), Float32Array.of(weight, 0, 0, 0));
        },
      },
    }),
    encode(pass, distil = true) {
      life.assertUsable('encode');
      adoption?.hold();
      bound.encode(pass, distil ? undefined : logitDistillation);
      // Statistics that lie elsewhere leave the state as it is.
      if (!options.statistics) state.unsubmitted = true;
    },
    submitted() {
      noteSubmitted(state, options.statistics ? 0 : 1);
      adoption?.release();
    },
    dispose: life.dispose,
  };
}
