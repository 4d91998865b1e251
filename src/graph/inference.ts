import { requireKind } from '../arrays.js';
import { destroyBuffer, readBuffers, writeBuffer } from '../device/buffers.js';
import { submitPass } from '../device/device.js';
import { guard } from '../device/errorScopes.js';
import { lifetime } from '../device/lifetime.js';
import { ShapeError } from '../errors.js';
import type { Form } from '../ops/forms.js';
import { type BufferRange, tensorBytes } from '../ops/plan.js';
import { checkPrecision, type Precision } from '../ops/precision.js';
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
  type InferenceOperations,
  type InferencePlanHooks,
  type InferencePlanOptions,
  planInference,
} from './inferencePlan.js';
import { loadLayerPlans } from './layerPlans.js';
import { inputTensor } from './names.js';
import { type Network, withoutSoftmax } from './network.js';
import type { OverflowNotes } from './overflow.js';
import { inferShapes, type Shape } from './shapes.js';
import { type NetworkState, stateRanges } from './state.js';
import { checkFree } from './uses.js';

/** The output of a layer in memory. */
export interface LayerOutput {
  /** Where it is left, float32, NHWC. */
  readonly range: BufferRange;
  /** [batch, height, width, channels] */
  readonly shape: Shape;
}

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
  /** As what activations and filters lie in memory. */
  readonly precision: Precision;
  /** The form of every operation that has several, by its key; with a background tuner those in use now. */
  readonly forms: ReadonlyMap<string, Form>;
  /** Where the images, NHWC float32, are read from, and where the output is left. */
  readonly input: BufferRange;
  /** Where the output is left, float32. */
  readonly output: BufferRange;
  /** The outputs that were asked for, by the names of their layers; the last layer's where none were. */
  readonly outputs: ReadonlyMap<string, LayerOutput>;
  /**
   * Encodes one batch. The first time after the state has changed, batch norms are made into scales and shifts, and filters
   * transformed, in a submission of its own ahead of any that the pass can be in: passes may be submitted in any order, or not
   * at all. A pass that was encoded before the state changed, and is submitted after, has to be encoded again. With a background
   * tuner a pass is to be submitted in the task that it was encoded in.
   *
   * In float16 what does not fit is noted until {@link checkValues} or `run` looks.
   *
   * @throws DisposedError, DeviceLostError
   */
  encode(pass: GPUComputePassEncoder): void;
  /**
   * Refuses what has not fit into float16 since the last look, in passes submitted before; in float32 resolves at once.
   *
   * @throws NumericError as {@link run}; DisposedError, DeviceLostError
   */
  checkValues(): Promise<void>;
  /**
   * The output for up to `batch` images: logits, or probabilities of a network that ends in a softmax. Any number of calls may
   * go on at once, beside a training of the state, too: each is of the state as it is behind what was submitted before.
   *
   * @throws ShapeError for no Float32Array and another number of values, BusyError while weights are loaded into the state,
   * DisposedError, DeviceLostError where the device is gone; in float16 NumericError that names the parameter, or the first layer
   * that stored a value that is beyond 65504 or not finite.
   */
  run(images: Float32Array): Promise<Float32Array>;
  /**
   * Every one of {@link outputs} for up to `batch` images, by the names of their layers.
   *
   * @throws as {@link run}
   */
  runOutputs(images: Float32Array): Promise<Map<string, Float32Array>>;
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
 * @throws ShapeError; UnsupportedError where `precision` is float16 and the device without `shader-f16`; LimitError that says
 * which batch or resolution would fit; DisposedError, DeviceLostError; the signal's reason when aborted.
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
    hooks?: Pick<InferencePlanHooks, 'halfPlanner' | 'layerPlans'>,
  ) => InferenceOperations,
  results: ReadonlyMap<string, BufferRange>,
): Promise<InferenceNetwork> {
  const { device } = state;
  state.assertUsable('compile');
  const { batch, logits = false, precision = 'float32' } = options;
  checkPrecision(device, 'compile', precision);
  const network = logits ? withoutSoftmax(state.network) : state.network;
  const half = precision === 'float16' ? await import('./half.js') : undefined;
  const hooks = { ...half, layerPlans: await loadLayerPlans(network) };
  if (options.outputs) (await import('./outputNames.js')).checkOutputNames('compile', network, options.outputs);
  const seat = tunerOf(options)?.open(device);
  const planner = (traits: DeviceTraits) => planForward(network, batch, options, traits, hooks);
  await checkFit(device, network, batch, (net, size, traits) => planForward(net, size, options, traits, hooks).forward);
  const noted = noteForms(seat?.choose ?? (await chooserFor(device, planner, options)));
  const traits = planningTraits(device);
  const plan = planner({ ...traits, choose: noted.choose });
  const lasting = [plan.output, ...plan.outputs.values()];
  const shapes = inferShapes(network, batch);
  const inputShape = shapes.get('input')!;
  const description = { label: 'input', size: tensorBytes(...inputShape), usage: 0x80 | 0x08 };
  const [input] = (await createBuffers(device, [description])) as [GPUBuffer];
  const external = new Map([...stateRanges(state), ...results]);
  external.set(inputTensor, { buffer: input, offset: 0, size: input.size });
  let notes: OverflowNotes | undefined;
  let fold: BoundOperations | undefined;
  let forward: BoundOperations;
  try {
    notes = half?.createOverflowNotes(device, plan.filters, plan.forward);
    notes?.ranges.forEach((range, tensor) => {
      external.set(tensor, range);
    });
    const derived = [
      ...plan.fold.map((made) => ({ tensor: made.tensors.scaleShift!, operand: made.plan.operands.scaleShift! })),
      ...plan.filters.map((made) => ({ tensor: made.tensors.output!, operand: made.plan.operands.output! })),
    ];
    const kept = derived.map(({ tensor }) => tensor);
    const deriving = [...plan.fold, ...plan.filters];
    fold = await bindOperations(device, deriving, external, kept, { ...options, onProgress: () => {} });
    for (const { tensor, operand } of derived) {
      external.set(tensor, { ...fold.range(tensor), size: operand.bytes });
    }
    forward = await bindOperations(device, plan.forward, external, lasting, options);
  } catch (error) {
    fold?.dispose();
    notes?.dispose();
    destroyBuffer(device, input);
    throw error;
  }
  const folding = fold;
  const first = forward;
  const rangeOf = (tensor: string, shape: Shape): BufferRange => ({
    ...first.range(tensor),
    size: tensorBytes(...shape),
  });
  const output = rangeOf(plan.output, plan.outputShape);
  const outputs = new Map(
    [...plan.outputs].map(([layer, tensor]) => {
      const shape = shapes.get(layer)!;
      return [layer, { range: rangeOf(tensor, shape), shape }];
    }),
  );
  const life = lifetime(
    device,
    'network',
    () => {
      adoption?.leave();
      folding.dispose();
      first.dispose();
      notes?.dispose();
      destroyBuffer(device, input);
    },
    state,
  );
  /** The version of the state from which the rest was derived by what is submitted. */
  let preparedVersion: number | undefined;
  const adoption =
    seat &&
    (await import('./adoption.js')).adopt(seat, {
      name: network.name,
      operations: (others) => planner(others).forward,
      traits,
      noted,
      device,
      bound: first,
      external,
      kept: lasting,
      replace(others) {
        forward = others;
        preparedVersion = undefined;
      },
    });

  function prepare(pass: GPUComputePassEncoder): void {
    folding.encode(pass);
    forward.prepare(pass);
  }

  function encode(pass: GPUComputePassEncoder): void {
    life.assertUsable('encode');
    // Whether what changes the state comes before this pass or behind it is not known: it prepares for itself.
    if (state.unsubmitted) prepare(pass);
    else if (preparedVersion !== state.version) {
      submitPass(device, `${network.name}: prepare`, prepare, (encoder) => notes?.clear(encoder, 'filters'));
      preparedVersion = state.version;
    }
    forward.encode(pass);
    adoption?.noteUse();
  }

  /** Runs images, and reads of some ranges what belongs to them. */
  async function runFor(images: Float32Array, wanted: readonly BufferRange[]): Promise<Float32Array[]> {
    life.assertUsable('run');
    checkFree('run', { thing: state, name: 'state', use: 'look' });
    requireKind('run', 'images', images, 'Float32Array');
    const perImage = tensorBytes(...inputShape.slice(1)) / 4;
    const count = images.length / perImage;
    if (!Number.isInteger(count) || count < 1 || count > batch) {
      const expected = `1 to ${batch} images of ${perImage} values, as compiled`;
      throw new ShapeError({ operation: 'run', parameter: 'images', expected, got: `${images.length} values` });
    }
    const submitted = guard(device, 'run', () => {
      writeBuffer(device, input, images as Float32Array<ArrayBuffer>);
      half?.fillUp(device, external.get(inputTensor)!, images.byteLength);
      submitPass(device, network.name, encode, (encoder) => notes?.clear(encoder, 'activations'));
    });
    submitted.catch(() => {
      preparedVersion = undefined;
    });
    // The copy is asked for at once, so that it comes ahead of the next run.
    const ranges = wanted.map((range) => ({ ...range, size: (range.size / batch) * count }));
    const [read] = await Promise.all([readBuffers(device, [...ranges, ...(notes ? [notes.range] : [])]), submitted]);
    notes?.check(read.at(-1)!);
    return ranges.map((_, index) => new Float32Array(read[index]!));
  }

  return {
    batch,
    inputShape,
    outputShape: plan.outputShape,
    get dispatches() {
      return forward.dispatches;
    },
    get arenaBytes() {
      return forward.arenaBytes;
    },
    get forms() {
      return (adoption ?? noted).forms;
    },
    precision,
    input: external.get(inputTensor)!,
    output,
    outputs,
    encode,
    async checkValues() {
      life.assertUsable('checkValues');
      await notes?.look();
    },
    async run(images) {
      const [values] = await runFor(images, [output]);
      return values!;
    },
    async runOutputs(images) {
      const read = await runFor(
        images,
        [...outputs.values()].map(({ range }) => range),
      );
      return new Map([...outputs.keys()].map((layer, index) => [layer, read[index]!]));
    },
    dispose: life.dispose,
  };
}
