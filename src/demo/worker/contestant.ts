import type { Network } from '../../graph/network.js';
import { createState, type NetworkState, writeState } from '../../graph/state.js';
import { channelStatistics, type Normalisation } from '../../io/dataset.js';
import { initialParameters } from '../../models/initialise.js';
import { summarise } from '../../models/summary.js';
import { type Checkpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../../train/checkpoint.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../../train/trainer.js';
import { indexedDBTuningStore } from '../../tune/indexedDBStore.js';
import type { NetworkDescription, Role, TrainingSettings } from '../protocol.js';
import type { TrainingData } from './datasets.js';
import type { RacingNetworks } from './networks.js';

/** One of the networks that race. */
export interface Contestant {
  readonly role: Role;
  readonly state: NetworkState;
  readonly trainer: Trainer;
  readonly normalisation: Normalisation;
  /** What the classes are called. */
  readonly classes: readonly string[];
}

/** What a training is made of. */
export interface TrainingTask {
  readonly settings: TrainingSettings;
  /** Of the first race. */
  readonly seed: number;
  readonly data: TrainingData;
  /** What those without a checkpoint start as. */
  readonly networks: RacingNetworks;
}

/** How a teacher's logits lead: by the mean squared difference, less and less through the first half of the steps. */
const lesson = { loss: 'mse', weight: 0.3, schedule: { kind: 'linear' } } as const;

export interface CompileHooks {
  readonly signal: AbortSignal;
  onProgress(progress: { readonly compiled: number; readonly total: number }): void;
}

/**
 * Compiles a network and its training, from the start or from a checkpoint, whose training goes on where it was another step
 * of this one.
 *
 * @param hooks - `teacher` is the state of a network that leads at first
 */
export async function createContestant(
  device: GPUDevice,
  role: Role,
  task: TrainingTask,
  checkpoint: Checkpoint | undefined,
  hooks: CompileHooks & { readonly teacher?: NetworkState },
): Promise<Contestant> {
  const { settings, seed, data } = task;
  const { teacher, ...rest } = hooks;
  const normalisation = checkpoint?.normalisation ?? channelStatistics(data.train);
  const state = checkpoint ? restoreState(device, checkpoint) : freshState(device, task.networks[role]!, seed);
  try {
    const trainer = await createTrainer(state, {
      ...trainerOptions(settings, seed),
      ...rest,
      tuning: indexedDBTuningStore(),
      ...(teacher && { distillation: { ...lesson, teacher, end: Math.ceil(settings.steps / 2) } }),
      dataset: data.train,
      normalisation,
    });
    if (checkpoint?.training) restoreTrainer(trainer, checkpoint);
    return { role, state, trainer, normalisation, classes: data.classes };
  } catch (error) {
    state.dispose();
    throw error;
  }
}

/** A network as it is at the start of a race. */
export function freshState(device: GPUDevice, network: Network, seed: number): NetworkState {
  const state = createState(device, network);
  writeState(state, initialParameters(network, seed));
  return state;
}

/** How every network of a race is trained. */
export function trainerOptions(
  { batch, steps, optimiser, learningRate, half }: TrainingSettings,
  seed: number,
): Omit<TrainerOptions, 'dataset' | 'normalisation'> {
  const kind = optimiser;
  return {
    batch,
    steps,
    seed,
    precision: half ? 'float16' : 'float32',
    schedule: { kind: 'cosine', warmUp: Math.floor(steps / 20) },
    optimiser: kind === 'sgd' ? { kind, learningRate, momentum: 0.9, weightDecay: 1e-4 } : { kind, learningRate },
  };
}

/** The network and where its training stands, as a file. */
export function checkpointOf({ state, trainer, normalisation }: Contestant): Promise<Uint8Array> {
  return encodeCheckpoint(state, { trainer, normalisation });
}

/** What the page shows of a network; `step` is where its training stands. */
export function describeNetwork(role: Role, network: Network, step: number): NetworkDescription {
  const { name, parameters, multiplyAdds } = summarise(network);
  return { role, name, parameters, multiplyAdds, step };
}

export function disposeContestant({ trainer, state }: Contestant): void {
  trainer.dispose();
  state.dispose();
}
