import type { Checkpoint } from '../../train/checkpoint.js';
import type { TrainingSettings } from '../protocol.js';
import type { TrainingTask } from './contestant.js';
import type { TrainingData } from './datasets.js';
import { roleOf, twins } from './networks.js';

/**
 * The training that goes on from checkpoints: what they say wins over the settings, and a rival without a checkpoint is the
 * other form of the first one's network. It is a single race of the two.
 */
export function resumedTask(
  checkpoints: readonly Checkpoint[],
  settings: TrainingSettings,
  seed: number,
  data: TrainingData,
): TrainingTask {
  const networks = twins(checkpoints[0]!.network, settings);
  const single = { ...settings, seeds: 1, deeper: false };
  return checkpoints.reduce<TrainingTask>(goingOn, { settings: single, seed, data, networks });
}

function goingOn(task: TrainingTask, { network, training }: Checkpoint): TrainingTask {
  if (!training) return task;
  const { batch, steps, optimiser, seed, precision } = training;
  // A teacher's own checkpoint does not say that it teaches.
  const distillation = roleOf(network) === 'ic' ? training.distillation !== undefined : task.settings.distillation;
  return {
    ...task,
    seed,
    settings: { ...task.settings, batch, steps, optimiser, distillation, half: precision === 'float16' },
  };
}
