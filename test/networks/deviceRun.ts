import { createBuffer, destroyBuffer, readBuffer, writeBuffer } from '../../src/device/buffers.js';
import { type BoundOperations, bindOperations } from '../../src/graph/compile.js';
import { compileInference } from '../../src/graph/inference.js';
import { activationOf, inputTensor, keptBy, labelsTensor, lossesTensor, ranksTensor } from '../../src/graph/names.js';
import { isICUnit, type Network } from '../../src/graph/network.js';
import { elementCount } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import {
  createState,
  type NetworkState,
  readState,
  readTensors,
  stateRanges,
  writeState,
} from '../../src/graph/state.js';
import { compileTraining } from '../../src/graph/training.js';
import { planTraining } from '../../src/graph/trainingPlan.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import { stepStateBytes } from '../../src/ops/loss.js';
import { planSgd } from '../../src/ops/optimisers.js';
import { parameterBlock } from '../../src/ops/parameterBlock.js';
import { type BoundPlan, type BufferRange, bindPlan, compilePlan } from '../../src/ops/plan.js';
import { deviceTraits } from '../../src/ops/traits.js';
import type { SgdOptions } from '../reference/optimisers.js';
import type { Branches, TrainingRun, TrainingTask } from './trainingRun.js';

/** GPUBufferUsage's STORAGE, COPY_SRC and COPY_DST, which have no name before a device is open. */
const storage = 0x80 | 0x04 | 0x08;

/** Submits one compute pass. */
export function submit(device: GPUDevice, encode: (pass: GPUComputePassEncoder) => void): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

/** Reads a range as float32. */
export async function readRange(device: GPUDevice, { buffer, offset, size }: BufferRange): Promise<Float32Array> {
  return new Float32Array(await readBuffer(device, buffer, offset, size));
}

/** The logits of a network on the device, compiled for as many images as there are. */
export async function inferOnDevice(
  device: GPUDevice,
  network: Network,
  parameters: ReadonlyMap<string, Float32Array>,
  images: Float32Array,
): Promise<Float32Array> {
  const { height, width, channels } = network.input;
  const state = createState(device, network);
  writeState(state, parameters);
  const inference = await compileInference(state, { batch: images.length / (height * width * channels) });
  try {
    return await inference.run(images);
  } finally {
    inference.dispose();
    state.dispose();
  }
}

/** A training step on the device, however it was compiled. */
interface DeviceStep {
  readonly input: BufferRange;
  readonly labels: BufferRange;
  readonly logits: BufferRange;
  readonly losses: BufferRange;
  readonly ranks: BufferRange;
  readonly gradients: GPUBuffer;
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

/** Trains on the device as a user does, with the network's compiled training step; the branches stay unseen. */
export async function trainOnDevice(
  device: GPUDevice,
  task: TrainingTask,
  options: { readonly recompute?: boolean } = {},
): Promise<TrainingRun> {
  const state = createState(device, task.network);
  const { labels, smoothing = 0 } = task;
  const step = await compileTraining(state, { ...options, batch: labels.length, labelSmoothing: smoothing });
  return train(state, step, task, async () => new Map());
}

/** Trains on the device with every tensor kept to the end of a step, which shows the branches it took. */
export async function trainRecorded(device: GPUDevice, task: TrainingTask, choose?: ChooseForm): Promise<TrainingRun> {
  const { network, labels, images, smoothing = 0 } = task;
  const state = createState(device, network);
  const batch = labels.length;
  const plan = planTraining(network, batch, { labelSmoothing: smoothing }, deviceTraits(device, choose));
  const gradients = createBuffer(device, { label: 'gradients', size: state.trained.size, usage: storage });
  const input = createBuffer(device, { label: 'input', size: images.byteLength, usage: storage });
  const labelBuffer = createBuffer(device, { label: 'labels', size: labels.byteLength, usage: storage });
  const whole = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
  const external = stateRanges(state, gradients);
  external.set(inputTensor, whole(input));
  external.set(labelsTensor, whole(labelBuffer));
  const everything = plan.operations.flatMap(({ tensors }) => Object.values(tensors));
  const bound = await bindOperations(device, plan.operations, external, [...new Set(everything)]);
  const step: DeviceStep = {
    input: whole(input),
    labels: whole(labelBuffer),
    logits: { ...bound.range(plan.logits), size: 4 * elementCount(plan.logitsShape) },
    losses: { ...bound.range(lossesTensor), size: 4 * batch },
    ranks: { ...bound.range(ranksTensor), size: 4 * batch },
    gradients,
    encode: (pass) => bound.encode(pass),
    dispose() {
      bound.dispose();
      for (const buffer of [gradients, input, labelBuffer]) destroyBuffer(device, buffer);
    },
  };
  return train(state, step, task, () => readBranches(state, bound, batch));
}

async function train(
  state: NetworkState,
  step: DeviceStep,
  { start, images, labels, sgd, steps }: TrainingTask,
  branchesOf: () => Promise<Branches>,
): Promise<TrainingRun> {
  const { device, layout } = state;
  const values = new Map<string, ArrayLike<number>>();
  const branches: Branches[] = [];
  const losses: number[] = [];
  writeState(state, start);
  writeBuffer(device, step.input.buffer, images);
  writeBuffer(device, step.labels.buffer, labels);
  const optimiser = await bindSgd(state, step.gradients, sgd);
  for (let index = 0; index < steps; index++) {
    submit(device, (pass) => step.encode(pass));
    branches.push(await branchesOf());
    const own = await readRange(device, step.losses);
    losses.push(own.reduce((sum, loss) => sum + loss, 0) / own.length);
    if (index === 0) {
      values.set('train.logits', await readRange(device, step.logits));
      const { buffer, offset, size } = step.ranks;
      values.set('ranks', new Uint32Array(await readBuffer(device, buffer, offset, size)));
      const gradients = await readTensors(device, step.gradients, layout.trained);
      const statistics = await readTensors(device, state.statistics, layout.statistics);
      for (const [name, value] of gradients) values.set(`grad.${name}`, value);
      for (const [name, value] of statistics) values.set(`after1.${name}`, value);
    }
    submit(device, (pass) => optimiser.encode(pass));
  }
  values.set('losses', losses);
  for (const [name, value] of await readState(state)) {
    if (!layout.counters.includes(name)) values.set(`after${steps}.${name}`, value);
  }
  optimiser.dispose();
  step.dispose();
  state.dispose();
  return { values, branches };
}

/** The update of everything trained, in one group. */
async function bindSgd(
  { device, layout, trained }: NetworkState,
  gradients: GPUBuffer,
  { learningRate, weightDecay, momentum, nesterov }: SgdOptions,
): Promise<BoundPlan & { dispose(): void }> {
  const count = layout.trainedCount;
  const plan = await compilePlan(device, planSgd(count, { groups: 1, nesterov }));
  const made: GPUBuffer[] = [];
  const room = (label: string, size: number, usage = storage, contents?: ArrayBuffer): BufferRange => {
    const buffer = createBuffer(device, { label, size, usage });
    made.push(buffer);
    if (contents) writeBuffer(device, buffer, contents);
    return { buffer, offset: 0, size };
  };
  const stepState = new ArrayBuffer(stepStateBytes);
  new Float32Array(stepState)[1] = learningRate;
  const bound = bindPlan(plan, {
    parameters: { buffer: trained, offset: 0, size: trained.size },
    gradients: { buffer: gradients, offset: 0, size: gradients.size },
    velocities: room('velocities', 4 * count),
    groups: room('groups', (4 * count) / parameterBlock),
    settings: room('settings', 16, storage, Float32Array.of(1, weightDecay, momentum, 0).buffer),
    status: room('status', 8),
    stepState: room('step', stepStateBytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, stepState),
  });
  return {
    ...bound,
    dispose() {
      for (const buffer of made) destroyBuffer(device, buffer);
    },
  };
}

/** By layer: a relu passes where its output is positive, an IC unit where its output is above its window sum's share. */
async function readBranches(state: NetworkState, bound: BoundOperations, batch: number): Promise<Branches> {
  const { device, network, layout } = state;
  const branches = new Map<string, ArrayLike<number>>();
  const trained = new Map(await readTensors(device, state.trained, layout.trained));
  const read = (tensor: string, count: number) => readRange(device, { ...bound.range(tensor), size: 4 * count });
  const shapes = inferShapes(network, batch);
  for (const layer of network.layers) {
    const count = elementCount(shapes.get(layer.name)!);
    if (layer.kind === 'relu') {
      const { maximum = Infinity } = layer;
      const output = await read(activationOf(layer.name), count);
      branches.set(
        layer.name,
        output.map((value) => Math.min(value, maximum - value)),
      );
    }
    if ((layer.kind !== 'convolution' && layer.kind !== 'dense') || !isICUnit(layer)) continue;
    const [outChannels, groups] = layer.kind === 'dense' ? [layer.outFeatures, 1] : [layer.outChannels, layer.groups];
    const output = await read(activationOf(layer.name), count);
    const sums = await read(keptBy(layer.name, 'windowSums'), (count / outChannels) * groups);
    const weights = layer.adjust === 'output' ? trained.get(`${layer.name}.adjust`)! : undefined;
    const offsets = trained.get(`${layer.name}.offset`);
    const excess = output.map((y, i) => {
      const k = i % outChannels;
      const sum = sums[Math.floor(i / outChannels) * groups + Math.floor((k * groups) / outChannels)]!;
      return y - Math.fround(Math.fround((weights?.[k] ?? 1) * sum) - (offsets?.[k] ?? 0));
    });
    branches.set(layer.name, excess);
  }
  return branches;
}
