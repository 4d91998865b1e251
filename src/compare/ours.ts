import { createBuffer, destroyBuffer, readBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import { planInferenceIn } from '../graph/half.js';
import { compileInference } from '../graph/inference.js';
import type { Network } from '../graph/network.js';
import { createState, writeState } from '../graph/state.js';
import { compileTraining } from '../graph/training.js';
import { planTraining } from '../graph/trainingPlan.js';
import { decodeFloats, encodeFloats } from '../io/floats.js';
import type { Contender } from '../measure/samples.js';
import { planConvolutionFilterGradient } from '../ops/convolution/filterGradient.js';
import { planConvolution } from '../ops/convolution/forward.js';
import { planConvolutionInputGradient } from '../ops/convolution/inputGradient.js';
import { type Adjust, type CompleteConvolution, checkConvolution } from '../ops/convolution/shape.js';
import type { ChooseForm } from '../ops/forms.js';
import { statusBytes, stepStateBytes } from '../ops/loss.js';
import { createOperation, type Operation as PlannedOperation } from '../ops/operation.js';
import type { OperationPlan } from '../ops/plan.js';
import type { Precision } from '../ops/precision.js';
import { type DeviceTraits, deviceTraits } from '../ops/traits.js';
import { compileLossScaling } from '../train/lossScaling.js';
import { compileOptimiser } from '../train/optimiser.js';
import type { Pass } from './rows.js';
import { uniformValues, type Values } from './values.js';

/*
 * This package's side of every comparison: here alone plans are made and networks compiled, so that what else there is to
 * choose a kernel or to prepare a filter has one place to go.
 */

/** Measures the forms of what a planner asks for; the choice that comes of it. */
export type Tune = (device: GPUDevice, planner: (traits: DeviceTraits) => unknown) => Promise<ChooseForm>;

/** Where ours runs, and how it chooses its kernels. */
export interface Ours {
  readonly device: GPUDevice;
  /** The cost model chooses where left out. */
  readonly tune?: Tune;
  /** In which tensors lie in memory; float32 where left out. */
  readonly precision?: Precision;
}

export type ConvolutionPass = Exclude<Pass, 'step'>;

/** An operation with its buffers. */
export interface Operation extends Contender {
  /** The kernel that does the work. */
  readonly family: string;
  /** Whether a constant filter was transformed ahead, outside of what is timed. */
  readonly prepared: boolean;
  /** What the operation left, after all work submitted before. */
  output(): Promise<Float32Array>;
  dispose(): void;
}

/** The plan of a convolution's pass on a device; the filters of a forward pass are constant, as in inference. */
export async function planPass(
  { device, tune, precision = 'float32' }: Ours,
  shape: CompleteConvolution,
  pass: ConvolutionPass,
  adjust: Adjust = 'none',
): Promise<OperationPlan> {
  const planner = (traits: DeviceTraits): OperationPlan => {
    switch (pass) {
      case 'forward':
        return planConvolution(shape, { adjust, constantFilter: true, precision }, traits);
      case 'inputGradient':
        return planConvolutionInputGradient(shape, { precision }, traits);
      case 'filterGradient':
        return planConvolutionFilterGradient(shape, { precision }, traits);
    }
  };
  return planner(deviceTraits(device, await tune?.(device, planner)));
}

/** Compiles a plan and gives it buffers, the inputs' filled with values by their names. */
export async function bindOperation(
  device: GPUDevice,
  plan: OperationPlan,
  values: Readonly<Record<string, Values>>,
): Promise<Operation> {
  const buffers = new Map<string, GPUBuffer>();
  let bound: PlannedOperation | undefined;
  const dispose = (): void => {
    bound?.dispose();
    for (const buffer of buffers.values()) destroyBuffer(device, buffer);
  };
  try {
    await guard(device, plan.operation, () => {
      for (const [label, { bytes, use, precision }] of Object.entries(plan.operands)) {
        if (use === 'scratch' || use === 'prepared') continue;
        const buffer = createBuffer(device, { label, size: bytes, usage: 0x80 | 0x08 | 0x04 });
        buffers.set(label, buffer);
        const data = values[label];
        if (data) device.queue.writeBuffer(buffer, 0, stored(data, precision));
      }
    });
    bound = await createOperation(device, plan, Object.fromEntries(buffers));
  } catch (error) {
    dispose();
    throw error;
  }
  const { encode, prepare } = bound;
  submitRuns(device, 1, prepare);
  return {
    family: familyOf(plan),
    prepared: (plan.prepare ?? []).length > 0,
    submit: (runs) => submitRuns(device, runs, encode),
    output: async () => {
      const bytes = await readBuffer(device, buffers.get('output')!);
      return decodeFloats(storedTypes[plan.operands.output!.precision ?? 'float32'], new Uint8Array(bytes));
    },
    dispose,
  };
}

const storedTypes = { float32: 'F32', float16: 'F16' } as const;

/** Values as they lie in memory. */
function stored(values: Values, precision: Precision = 'float32'): Uint8Array<ArrayBuffer> {
  return encodeFloats(storedTypes[precision], values) as Uint8Array<ArrayBuffer>;
}

/** Encodes a number of runs into one compute pass and submits it. */
export function submitRuns(device: GPUDevice, runs: number, encode: (pass: GPUComputePassEncoder) => void): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (let run = 0; run < runs; run++) encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function familyOf({ steps }: OperationPlan): string {
  if (steps.some(({ constants }) => constants.MATRIX_UNITS)) return 'matrix units';
  const names = steps.map(({ kernel }) => kernel.name);
  if (names.some((name) => name.startsWith('winograd'))) return 'winograd';
  return names.find((name) => name.startsWith('conv2d')) ?? names[0]!;
}

/** The operands of a convolution's pass, values in [-1, 1), and how many products make up an element of the result. */
export interface ConvolutionCase {
  readonly values: Readonly<Record<string, Values>>;
  readonly terms: number;
}

export function convolutionCase(shape: CompleteConvolution, pass: ConvolutionPass): ConvolutionCase {
  const { inputBytes, outputBytes, filterBytes, ...geometry } = checkConvolution('bench', shape);
  const input = (): Values => uniformValues(inputBytes / 4, 1);
  const filter = (): Values => uniformValues(filterBytes / 4, 2);
  const gradient = (): Values => uniformValues(outputBytes / 4, 3);
  const taps = shape.kernel[0] * shape.kernel[1];
  switch (pass) {
    case 'forward':
      return { values: { input: input(), filter: filter() }, terms: taps * geometry.groupIn };
    case 'inputGradient':
      return { values: { gradient: gradient(), filter: filter() }, terms: taps * geometry.groupOut };
    case 'filterGradient':
      return {
        values: { input: input(), gradient: gradient() },
        terms: shape.batch * geometry.outHeight * geometry.outWidth,
      };
  }
}

/** What a training step of either side does with its gradients: SGD with momentum. */
export interface TrainingSettings {
  readonly learningRate: number;
  readonly momentum: number;
}

/** A network of this package compiled for inference, its input in place. */
export async function oursInference(
  { device, tune, precision = 'float32' }: Ours,
  network: Network,
  batch: number,
  values: ReadonlyMap<string, Float32Array>,
  images: Values,
  memory: 'least' | 'fastest' = 'fastest',
): Promise<Operation> {
  const state = createState(device, network);
  writeState(state, values);
  const choose = await tune?.(device, (traits) => planInferenceIn(network, batch, { memory, precision }, traits));
  const compiled = await compileInference(state, { batch, memory, precision, ...(choose && { choose }) });
  const { input, output, encode } = compiled;
  device.queue.writeBuffer(input.buffer, input.offset, images);
  return {
    family: 'network',
    prepared: true,
    submit: (runs) => submitRuns(device, runs, encode),
    output: async () => new Float32Array(await readBuffer(device, output.buffer, output.offset, output.size)),
    dispose() {
      compiled.dispose();
      state.dispose();
    },
  };
}

/** Training steps of this package on one batch. */
export interface Training extends Contender {
  /** Does a step; the mean loss that it found. */
  step(): Promise<number>;
  dispose(): void;
}

/** A network of this package compiled for training steps, with its optimiser. */
export async function oursTraining(
  { device, tune, precision = 'float32' }: Ours,
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  images: Values,
  labels: Uint32Array<ArrayBuffer>,
  settings: TrainingSettings,
): Promise<Training> {
  const state = createState(device, network);
  writeState(state, values);
  const batch = labels.length;
  const choose = await tune?.(device, (traits) => planTraining(network, batch, { precision }, traits));
  const training = await compileTraining(state, { batch, precision, ...(choose && { choose }) });
  const stepState = createBuffer(device, { label: 'step state', size: stepStateBytes, usage: 0x40 | 0x08 });
  const status = createBuffer(device, { label: 'status', size: statusBytes, usage: 0x80 | 0x08 });
  const { gradients, losses, input, scaling } = training;
  // No groups: every parameter learns at the same rate.
  const optimiser = await compileOptimiser(
    state,
    { kind: 'sgd', groups: [], ...settings },
    { gradients, stepState, status: scaling?.fault ?? status, lossScale: scaling?.lossScale },
  );
  const moving =
    scaling && (await compileLossScaling(device, scaling, { stepState, status, ringSteps: 1 }, {}, optimiser));
  device.queue.writeBuffer(stepState, 0, optimiser.stepState(0, settings.learningRate));
  device.queue.writeBuffer(input.buffer, input.offset, images);
  device.queue.writeBuffer(training.labels.buffer, training.labels.offset, labels);
  const encode = (pass: GPUComputePassEncoder): void => {
    training.encode(pass);
    optimiser.encodeCheck(pass);
    optimiser.encode(pass);
    moving?.encode(pass);
  };
  return {
    submit: (runs) => submitRuns(device, runs, encode),
    async step() {
      submitRuns(device, 1, encode);
      const found = new Float32Array(await readBuffer(device, losses.buffer, losses.offset, losses.size));
      return found.reduce((sum, loss) => sum + loss, 0) / batch;
    },
    dispose() {
      moving?.dispose();
      optimiser.dispose();
      training.dispose();
      state.dispose();
      for (const buffer of [stepState, status]) destroyBuffer(device, buffer);
    },
  };
}
