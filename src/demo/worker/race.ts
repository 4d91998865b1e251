import { type Checkpoint, decodeCheckpoint } from '../../train/checkpoint.js';
import { keptRace } from '../keptRaces.js';
import type {
  CallArgument,
  DataDescription,
  DataSource,
  Role,
  TrainingOverview,
  TrainingSettings,
} from '../protocol.js';
import type { TrainingTask } from './contestant.js';
import { describeData, loadData, type TrainingData } from './datasets.js';
import { createKeeper } from './keeper.js';
import { type RacingNetworks, roleOf, settingsNetworks } from './networks.js';
import { resumedTask } from './resume.js';
import { startTraining as start } from './training.js';

/*
 * What the page asks of the training: on which data, from where.
 */

export { pauseTraining, resetTraining, resumeTraining, saveCheckpoint } from './training.js';

const firstSeed = 1;

interface HeldData {
  readonly source: DataSource;
  readonly data: TrainingData;
}

let held: Promise<HeldData> | undefined;

function currentData(): Promise<HeldData> {
  held ??= load({ kind: 'lit' });
  return held;
}

async function load(source: DataSource): Promise<HeldData> {
  return { source, data: await loadData(source) };
}

/** Trains on this data from now on. */
export async function useData(source: DataSource): Promise<DataDescription> {
  const loading = load(source);
  const { data } = await loading;
  held = loading;
  return describeData(data);
}

export async function startTraining(settings: TrainingSettings): Promise<TrainingOverview> {
  const { data, source } = await currentData();
  const task = { settings, seed: firstSeed, data, networks: settingsNetworks(settings, data.train) };
  return begin(task, source);
}

/** Goes on from checkpoints of one network or both; what of the settings they hold wins. */
export async function loadCheckpoints({ files, settings }: CallArgument<'loadCheckpoints'>): Promise<TrainingOverview> {
  const saved = new Map<Role, Uint8Array>();
  const checkpoints: Checkpoint[] = [];
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const checkpoint = decodeCheckpoint(bytes, file.name);
    checkpoints.push(checkpoint);
    saved.set(roleOf(checkpoint.network), bytes);
  }
  const { data, source } = await currentData();
  return begin(resumedTask(checkpoints, settings, firstSeed, data), source, saved);
}

/** Goes on with a training that was kept when its page went away. */
export async function continueTraining(id: string): Promise<TrainingOverview> {
  const kept = await keptRace(id);
  if (!kept) throw new Error('This training is no longer kept.');
  const { source, settings, seed, standing } = kept;
  await useData(source);
  const { data } = await currentData();
  const task = { settings, seed, data, networks: kept.networks as RacingNetworks };
  return start(task, standing, await createKeeper({ source, settings, seed, networks: task.networks }, id));
}

async function begin(
  task: TrainingTask,
  source: DataSource,
  checkpoints: ReadonlyMap<Role, Uint8Array> = new Map(),
): Promise<TrainingOverview> {
  const { settings, seed, networks } = task;
  const keeper = await createKeeper({ source, settings, seed, networks });
  return start(task, { seed, checkpoints, tests: [] }, keeper);
}
