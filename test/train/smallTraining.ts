import type { Network } from '../../src/graph/network.js';
import { createState, type NetworkState, readState, readTensors, writeState } from '../../src/graph/state.js';
import { channelStatistics, type ImageDataset } from '../../src/io/dataset.js';
import { initialParameters } from '../../src/models/initialise.js';
import { decodeCheckpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../../src/train/checkpoint.js';
import type { OptimiserOptions } from '../../src/train/optimiser.js';
import { createTrainer, type StepReport, type Trainer, type TrainerOptions } from '../../src/train/trainer.js';
import { convolution, pool } from '../models/layers.js';
import { mix32 } from '../support/random.js';

/** Two IC convolutions, one before a batch norm and one with a bias, for 8x8 images of 3 classes. */
export const smallNetwork: Network = {
  name: 'two-convolutions',
  input: { height: 8, width: 8, channels: 1 },
  layers: [
    convolution({ name: 'conv1', adjust: 'output' }),
    { kind: 'batchNorm', name: 'norm', inputs: ['conv1'], epsilon: 1e-5, momentum: 0.1 },
    { kind: 'relu', name: 'relu1', inputs: ['norm'] },
    convolution({ name: 'conv2', inputs: ['relu1'], stride: [2, 2], bias: true, adjust: 'output' }),
    { kind: 'relu', name: 'relu2', inputs: ['conv2'] },
    pool({ kind: 'meanPool', name: 'mean', inputs: ['relu2'], kernel: 'global', stride: [1, 1] }),
    { kind: 'dense', name: 'fc', inputs: ['mean'], outFeatures: 3, bias: true },
  ],
};

/** Noisy images of 8x8 pixels, lying, standing or sloping stripes for classes 0, 1 and 2. */
export function stripes(count: number, changes: Partial<ImageDataset> = {}): ImageDataset {
  const shape = { height: 8, width: 8, channels: 1, classes: 3, ...changes };
  const { height, width, channels } = shape;
  const images = new Uint8Array(count * height * width * channels);
  const labels = new Uint8Array(count).map((_, image) => mix32(image, 1) % 3);
  for (let index = 0; index < images.length; index++) {
    const pixel = Math.floor(index / channels) % (height * width);
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    const label = labels[Math.floor(index / channels / height / width)]!;
    const across = [y, x, x + y][label]!;
    images[index] = (across % 4 < 2 ? 150 : 0) + (mix32(index, 2) % 100);
  }
  return { name: 'stripes', count, images, labels, ...shape };
}

export const sgd: OptimiserOptions = { kind: 'sgd', learningRate: 0.1, nesterov: true, weightDecay: 5e-4 };
export const adamW: OptimiserOptions = { kind: 'adamW', learningRate: 0.01, weightDecay: 0.05 };

/** 24 images in batches of 4 at a constant rate, with what the test changes of it. */
export function smallOptions(changes: Partial<TrainerOptions> = {}): TrainerOptions {
  const dataset = changes.dataset ?? stripes(24);
  return {
    dataset,
    normalisation: channelStatistics(dataset),
    batch: 4,
    steps: 20,
    optimiser: sgd,
    schedule: { kind: 'constant' },
    seed: 7,
    ...changes,
  };
}

/** A network's state as it starts training. */
export function freshState(device: GPUDevice, network = smallNetwork): NetworkState {
  const state = createState(device, network);
  writeState(state, initialParameters(network, 3));
  return state;
}

/** A fresh network and its trainer. */
export function freshTrainer(device: GPUDevice, changes: Partial<TrainerOptions> = {}): Promise<Trainer> {
  return createTrainer(freshState(device), smallOptions(changes));
}

/** Frees a trainer and its state. */
export function disposeAll(trainer: Trainer): void {
  trainer.dispose();
  trainer.state.dispose();
}

/** Runs a trainer on and returns what it reports. */
export async function reportsOf(trainer: Trainer, options: { steps?: number } = {}): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  await trainer.run({ ...options, onStep: (report) => reports.push(report) });
  return reports;
}

/** The bits of a trainer's state and of what its optimiser carries, by name. */
export async function snapshot({ state, optimiser }: Trainer): Promise<Map<string, Uint32Array>> {
  const all = new Map<string, Uint32Array>();
  const bits = (values: Float32Array): Uint32Array => new Uint32Array(values.slice().buffer);
  for (const [name, values] of await readState(state)) all.set(name, bits(values));
  for (const [moment, buffer] of optimiser.moments) {
    for (const [name, values] of await readTensors(state.device, buffer, state.layout.trained)) {
      all.set(`${moment} of ${name}`, bits(values));
    }
  }
  return all;
}

/** What became of a training, and the bits of its end. */
export interface TrainedPieces {
  readonly reports: readonly StepReport[];
  readonly losses: readonly number[];
  readonly bits: Map<string, Uint32Array>;
  /** Its checkpoint. */
  readonly file: Uint8Array;
}

/** A training that is stopped behind these steps and restored from a file each time. */
export async function trainInPieces(
  device: GPUDevice,
  changes: Partial<TrainerOptions>,
  stops: readonly number[],
  network = smallNetwork,
): Promise<TrainedPieces> {
  let trainer = await createTrainer(freshState(device, network), smallOptions(changes));
  const reports: StepReport[] = [];
  for (const stop of stops) {
    reports.push(...(await reportsOf(trainer, { steps: stop - trainer.step })));
    const file = await encodeCheckpoint(trainer.state, { trainer });
    disposeAll(trainer);
    const checkpoint = decodeCheckpoint(file);
    trainer = await createTrainer(restoreState(device, checkpoint), smallOptions(changes));
    restoreTrainer(trainer, checkpoint);
    if (trainer.step !== stop) throw new Error(`restored at step ${trainer.step} instead of ${stop}`);
  }
  reports.push(...(await reportsOf(trainer)));
  const bits = await snapshot(trainer);
  const file = await encodeCheckpoint(trainer.state, { trainer });
  disposeAll(trainer);
  return { reports, losses: reports.map(({ loss }) => loss), bits, file };
}
