import { type Checkpoint, decodeCheckpoint } from '../../train/checkpoint.js';
import type { CallArgument, CallMessage, CallName, CallReply, Role } from '../protocol.js';
import { runBench, stopBench } from './bench/bench.js';
import { classify } from './classify.js';
import { describeData, loadData, type TrainingData } from './datasets.js';
import { drawDiagram } from './diagram.js';
import { gpuDevice } from './gpu.js';
import { lookInside } from './look.js';
import { listModels, openModel } from './models.js';
import { roleOf, settingsNetworks } from './networks.js';
import { post, troubleOf } from './post.js';
import { resumedTask } from './resume.js';
import { pauseTraining, resetTraining, resumeTraining, saveCheckpoint, startTraining } from './training.js';

/* The worker: everything that needs the core of the package or takes time. */

const seed = 1;

let data: Promise<TrainingData> | undefined;

function currentData(): Promise<TrainingData> {
  data ??= loadData({ kind: 'drawn' });
  return data;
}

type Handlers = { [Name in CallName]: (argument: CallArgument<Name>) => Promise<CallReply<Name>> | CallReply<Name> };

const handlers: Handlers = {
  async useData(source) {
    const loading = loadData(source);
    const loaded = await loading;
    data = loading;
    return describeData(loaded);
  },
  async startTraining(settings) {
    const data = await currentData();
    return startTraining({ settings, seed, data, networks: settingsNetworks(settings, data.train) });
  },
  pauseTraining,
  resumeTraining,
  resetTraining,
  saveCheckpoint,
  async loadCheckpoints({ files, settings }) {
    const saved = new Map<Role, Uint8Array>();
    const checkpoints: Checkpoint[] = [];
    for (const file of files) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const checkpoint = decodeCheckpoint(bytes, file.name);
      checkpoints.push(checkpoint);
      saved.set(roleOf(checkpoint.network), bytes);
    }
    return startTraining(resumedTask(checkpoints, settings, seed, await currentData()), saved);
  },
  listModels,
  openModel,
  classify,
  lookInside,
  drawDiagram,
  runBench,
  stopBench,
  async destroyDevice() {
    (await gpuDevice()).destroy();
  },
};

addEventListener('message', ({ data: { call, id, argument } }: MessageEvent<CallMessage>) => {
  const handler = handlers[call] as (argument: unknown) => unknown;
  Promise.resolve()
    .then(() => handler(argument))
    .then(
      (reply) => post({ id, reply }),
      (error: unknown) => post({ id, trouble: troubleOf(error) }),
    );
});
