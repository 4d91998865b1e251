import { type Checkpoint, decodeCheckpoint } from '../../train/checkpoint.js';
import type {
  CallArgument,
  DataDescription,
  DataSource,
  Role,
  TrainingOverview,
  TrainingSettings,
} from '../protocol.js';
import { describeData, loadData, type TrainingData } from './datasets.js';
import { roleOf, settingsNetworks } from './networks.js';
import { resumedTask } from './resume.js';
import { startTraining as start } from './training.js';

/*
 * What the page asks of the training: on which data, from where.
 */

export { pauseTraining, resetTraining, resumeTraining, saveCheckpoint } from './training.js';

const seed = 1;

let data: Promise<TrainingData> | undefined;

function currentData(): Promise<TrainingData> {
  data ??= loadData({ kind: 'drawn' });
  return data;
}

/** Trains on this data from now on. */
export async function useData(source: DataSource): Promise<DataDescription> {
  const loading = loadData(source);
  const loaded = await loading;
  data = loading;
  return describeData(loaded);
}

export async function startTraining(settings: TrainingSettings): Promise<TrainingOverview> {
  const data = await currentData();
  return start({ settings, seed, data, networks: settingsNetworks(settings, data.train) });
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
  return start(resumedTask(checkpoints, settings, seed, await currentData()), saved);
}
