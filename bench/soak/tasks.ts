import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileInference } from '../../src/graph/inference.js';
import type { Network } from '../../src/graph/network.js';
import { createState, type NetworkState, writeState } from '../../src/graph/state.js';
import { compileTraining } from '../../src/graph/training.js';
import { channelStatistics, type ImageDataset } from '../../src/io/dataset.js';
import { openFile } from '../../src/io/openFile.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { encodeCheckpoint, encodeNetwork } from '../../src/train/checkpoint.js';
import { compileEvaluation } from '../../src/train/evaluation.js';
import { createTrainer } from '../../src/train/trainer.js';
import { loadWeights } from '../../src/weights/load.js';

/** What is done over and over again. */
export interface Soaking {
  turn(index: number): Promise<void>;
  end(): Promise<void>;
}

/** The ways to soak, by name. */
export const tasks: Readonly<Record<string, (device: GPUDevice, turns: number) => Promise<Soaking>>> = {
  steps,
  compiles,
  loads,
};

export const stepsOfTurn = 10;
/** Turns between two evaluations, and checkpoints. */
const testEvery = 10;

const network = cifarResNet({ depth: 8, ic: true, width: 4, classes: 4, input: { height: 8, width: 8, channels: 1 } });

function freshState(device: GPUDevice, of: Network): NetworkState {
  const state = createState(device, of);
  writeState(state, initialParameters(of, 1));
  return state;
}

/** Bright bars, one place for each class. */
function bars(count: number): ImageDataset {
  const labels = Uint8Array.from({ length: count }, (_, image) => image % 4);
  const images = Uint8Array.from({ length: count * 64 }, (_, i) => {
    const lit = Math.floor((i % 8) / 2) === labels[Math.floor(i / 64)]!;
    return (lit ? 150 : 0) + ((i * 2654435761) % 97);
  });
  return { name: 'bars', count, images, labels, height: 8, width: 8, channels: 1, classes: 4 };
}

/** Training steps, with an evaluation and a checkpoint at times. */
async function steps(device: GPUDevice, turns: number): Promise<Soaking> {
  const state = freshState(device, network);
  const dataset = bars(64);
  const normalisation = channelStatistics(dataset);
  const trainer = await createTrainer(state, {
    ...{ dataset, normalisation, batch: 16, steps: turns * stepsOfTurn, seed: 1 },
    ...{ optimiser: { kind: 'adamW', learningRate: 0.01 }, schedule: { kind: 'cosine' } },
    augmentation: { padding: 1, flip: true },
  });
  const evaluation = await compileEvaluation(state, { batch: 32 });
  return {
    async turn(index) {
      await trainer.run({ steps: stepsOfTurn });
      if (index % testEvery !== 0) return;
      await evaluation.run(dataset, normalisation);
      await encodeCheckpoint(state, { trainer });
    },
    async end() {
      for (const made of [evaluation, trainer, state]) made.dispose();
    },
  };
}

/** A state, an inference and a training, made, run once and disposed of. */
async function compiles(device: GPUDevice): Promise<Soaking> {
  const images = new Float32Array(2 * 64).fill(0.5);
  return {
    async turn() {
      const state = freshState(device, network);
      const inference = await compileInference(state, { batch: 2 });
      const training = await compileTraining(state, { batch: 2 });
      await inference.run(images);
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      training.encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      for (const made of [training, inference, state]) made.dispose();
    },
    async end() {},
  };
}

/** A ResNet-18, read from its file into a new state. */
async function loads(device: GPUDevice): Promise<Soaking> {
  const large = networkByName('resnet18');
  const folder = await mkdtemp(join(tmpdir(), 'soak-'));
  const path = join(folder, 'resnet18.safetensors');
  await writeFile(path, encodeNetwork(large, initialParameters(large, 1)));
  return {
    async turn() {
      const state = createState(device, large);
      await loadWeights(state, await openFile(path));
      await device.queue.onSubmittedWorkDone();
      state.dispose();
    },
    end: () => rm(folder, { recursive: true }),
  };
}
