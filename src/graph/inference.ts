import { destroyBuffer, readBuffer } from '../device/buffers.js';
import { assertAlive } from '../device/device.js';
import { guard } from '../device/errorScopes.js';
import { ShapeError } from '../errors.js';
import { type BufferRange, tensorBytes } from '../ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../ops/traits.js';
import { type BoundOperations, bindOperations, type CompileOptions, chooserFor, createBuffers } from './compile.js';
import { checkFit } from './fit.js';
import { type InferenceOperations, type InferencePlanOptions, planInference } from './inferencePlan.js';
import { inputTensor } from './names.js';
import { type Network, withoutSoftmax } from './network.js';
import { inferShapes, type Shape } from './shapes.js';
import { type NetworkState, stateRanges } from './state.js';
import { checkFree } from './uses.js';

/** A network compiled for inference on batches of one size. */
export interface InferenceNetwork {
  /** Images of one run. */
  readonly batch: number;
  /** [batch, height, width, channels] */
  readonly inputShape: Shape;
  /** [batch, 1, 1, classes] of a classifier, else [batch, height, width, channels]. */
  readonly outputShape: Shape;
  /** Dispatches of one batch. */
  readonly dispatches: number;
  /** Of the memory that activations share. */
  readonly arenaBytes: number;
  /** Where the images, NHWC float32, are read from, and where the output is left. */
  readonly input: BufferRange;
  /** Where the output is left, float32. */
  readonly output: BufferRange;
  /** Encodes one batch; the first time after the state changed, batch norms are made into scales and shifts, and
   * filters transformed, beforehand. */
  encode(pass: GPUComputePassEncoder): void;
  /**
   * The output for up to `batch` images: logits, or probabilities of a network that ends in a softmax. Any number of calls may
   * go on at once, beside a training of the state, too: each is of the state as it is behind what was submitted before.
   *
   * @throws ShapeError for another number of values, BusyError while weights are loaded into the state, DeviceLostError where
   * the device is gone.
   */
  run(images: Float32Array): Promise<Float32Array>;
  /** Frees what the compiled network owns; the state stays. */
  dispose(): void;
}

export interface InferenceOptions extends CompileOptions, InferencePlanOptions {
  /** Images of one run. */
  readonly batch: number;
  /** Ends in the logits where the network ends in a softmax. Default false. */
  readonly logits?: boolean;
}

/**
 * Compiles a network for inference: every convolution with its batch norm, sum and ReLU in one dispatch.
 *
 * @throws ShapeError, UnsupportedError; LimitError that says which batch or resolution would fit; the signal's
 * reason when aborted.
 */
export function compileInference(state: NetworkState, options: InferenceOptions): Promise<InferenceNetwork> {
  return compileForward(state, options, planInference, new Map());
}

/**
 * Compiles what a planner makes of a network.
 *
 * @param results - where tensors besides the output are left
 * @throws as {@link compileInference}
 */
export async function compileForward(
  state: NetworkState,
  options: InferenceOptions,
  planForward: (
    network: Network,
    batch: number,
    options: InferencePlanOptions,
    traits: DeviceTraits,
  ) => InferenceOperations,
  results: ReadonlyMap<string, BufferRange>,
): Promise<InferenceNetwork> {
  const { device } = state;
  assertAlive(device, 'compile');
  const { batch, logits = false } = options;
  const network = logits ? withoutSoftmax(state.network) : state.network;
  const planner = (traits: DeviceTraits) => planForward(network, batch, options, traits);
  await checkFit(device, network, batch, (net, size, traits) => planForward(net, size, options, traits).forward);
  const plan = planner(deviceTraits(device, await chooserFor(device, planner, options)));
  const inputShape = inferShapes(network, batch).get('input')!;
  const description = { label: 'input', size: tensorBytes(...inputShape), usage: 0x80 | 0x08 };
  const [input] = (await createBuffers(device, [description])) as [GPUBuffer];
  const external = new Map([...stateRanges(state), ...results]);
  external.set(inputTensor, { buffer: input, offset: 0, size: input.size });
  let fold: BoundOperations | undefined;
  let forward: BoundOperations;
  try {
    const folded = plan.fold.map(({ tensors }) => tensors.scaleShift!);
    fold = await bindOperations(device, plan.fold, external, folded, { ...options, onProgress: () => {} });
    plan.fold.forEach(({ plan: { operands } }, index) => {
      const range = fold!.range(folded[index]!);
      external.set(folded[index]!, { ...range, size: operands.scaleShift!.bytes });
    });
    forward = await bindOperations(device, plan.forward, external, [plan.output], options);
  } catch (error) {
    fold?.dispose();
    destroyBuffer(device, input);
    throw error;
  }
  const folding = fold;
  const output = { ...forward.range(plan.output), size: tensorBytes(...plan.outputShape) };
  let foldedVersion: number | undefined;

  function encode(pass: GPUComputePassEncoder): void {
    if (foldedVersion !== state.version) {
      folding.encode(pass);
      forward.prepare(pass);
    }
    foldedVersion = state.version;
    forward.encode(pass);
  }

  return {
    batch,
    inputShape,
    outputShape: plan.outputShape,
    dispatches: forward.dispatches,
    arenaBytes: forward.arenaBytes,
    input: external.get(inputTensor)!,
    output,
    encode,
    async run(images) {
      assertAlive(device, 'run');
      checkFree('run', { thing: state, name: 'state', use: 'look' });
      const perImage = tensorBytes(...inputShape.slice(1)) / 4;
      const count = images.length / perImage;
      if (!Number.isInteger(count) || count < 1 || count > batch) {
        const expected = `1 to ${batch} images of ${perImage} values, as compiled`;
        throw new ShapeError({ operation: 'run', parameter: 'images', expected, got: `${images.length} values` });
      }
      const submitted = guard(device, 'run', () => {
        device.queue.writeBuffer(input, 0, images as Float32Array<ArrayBuffer>);
        const encoder = device.createCommandEncoder({ label: network.name });
        const pass = encoder.beginComputePass({ label: network.name });
        encode(pass);
        pass.end();
        device.queue.submit([encoder.finish()]);
      });
      const bytes = (output.size / batch) * count;
      // The copy is asked for at once, so that it comes ahead of the next run.
      const [logits] = await Promise.all([readBuffer(device, output.buffer, output.offset, bytes), submitted]);
      return new Float32Array(logits);
    },
    dispose() {
      folding.dispose();
      forward.dispose();
      destroyBuffer(device, input);
    },
  };
}
