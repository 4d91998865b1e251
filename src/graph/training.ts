import { destroyBuffer } from '../device/buffers.js';
import { assertAlive } from '../device/device.js';
import { type BufferRange, tensorBytes } from '../ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../ops/traits.js';
import { type BoundOperations, bindOperations, type CompileOptions, chooserFor, createBuffers } from './compile.js';
import { inputTensor, labelsTensor, lossesTensor, ranksTensor } from './names.js';
import { inferShapes, type Shape } from './shapes.js';
import { type NetworkState, stateRanges } from './state.js';
import { planTraining } from './trainingPlan.js';

/** A network compiled for training steps on batches of one size: forward, loss, backward; no optimiser. */
export interface TrainingNetwork {
  readonly batch: number;
  readonly inputShape: Shape;
  readonly dispatches: number;
  readonly arenaBytes: number;
  /** Where the images (NHWC float32) and labels (uint32) are read from. */
  readonly input: BufferRange;
  readonly labels: BufferRange;
  /** Left by a step: logits, each example's loss, how many classes are ahead of its label. */
  readonly logits: BufferRange;
  readonly losses: BufferRange;
  readonly ranks: BufferRange;
  /** The gradients of everything trained, laid out as the state's `trained`. */
  readonly gradients: GPUBuffer;
  /** Encodes one step. The running statistics move; the trained parameters stay. */
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

/**
 * Compiles forward and backward passes of a network with mean softmax cross entropy.
 *
 * @throws ShapeError, LimitError, UnsupportedError; the signal's reason when aborted.
 */
export async function compileTraining(
  state: NetworkState,
  options: CompileOptions & { readonly batch: number; readonly labelSmoothing?: number },
): Promise<TrainingNetwork> {
  const { device, network } = state;
  assertAlive(device, 'compile');
  const { batch, labelSmoothing = 0 } = options;
  const planner = (traits: DeviceTraits) => planTraining(network, batch, { labelSmoothing }, traits);
  const plan = planner(deviceTraits(device, await chooserFor(device, planner, options)));
  const inputShape = inferShapes(network, batch).get('input')!;
  const storage = 0x80 | 0x08 | 0x04;
  const own = await createBuffers(device, [
    { label: 'gradients', size: state.trained.size, usage: storage },
    { label: 'input', size: tensorBytes(...inputShape), usage: storage },
    { label: 'labels', size: tensorBytes(batch), usage: storage },
  ]);
  const [gradients, input, labels] = own as [GPUBuffer, GPUBuffer, GPUBuffer];
  const external = stateRanges(state, gradients);
  external.set(inputTensor, { buffer: input, offset: 0, size: input.size });
  external.set(labelsTensor, { buffer: labels, offset: 0, size: labels.size });
  const kept = [plan.logits, lossesTensor, ranksTensor];
  let bound: BoundOperations;
  try {
    bound = await bindOperations(device, plan.operations, external, kept, options);
  } catch (error) {
    for (const buffer of own) destroyBuffer(device, buffer);
    throw error;
  }
  return {
    batch,
    inputShape,
    dispatches: bound.dispatches,
    arenaBytes: bound.arenaBytes,
    input: external.get(inputTensor)!,
    labels: external.get(labelsTensor)!,
    logits: { ...bound.range(plan.logits), size: tensorBytes(...plan.logitsShape) },
    losses: { ...bound.range(lossesTensor), size: tensorBytes(batch) },
    ranks: { ...bound.range(ranksTensor), size: tensorBytes(batch) },
    gradients,
    encode(pass) {
      bound.encode(pass);
      state.batchesTracked++;
      state.version++;
    },
    dispose() {
      bound.dispose();
      for (const buffer of own) destroyBuffer(device, buffer);
    },
  };
}
