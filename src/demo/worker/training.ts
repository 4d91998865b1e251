import { whenLost } from '../../device/device.js';
import { DeviceLostError, FormatError } from '../../errors.js';
import { decodeCheckpoint } from '../../train/checkpoint.js';
import { compileEvaluation } from '../../train/evaluation.js';
import { type NamedFile, type Role, roles, type TrainingOverview, type TrainingPhase } from '../protocol.js';
import {
  type Contestant,
  checkpointOf,
  createContestant,
  describeContestant,
  disposeContestant,
  type TrainingTask,
} from './contestant.js';
import { describeData } from './datasets.js';
import { gpuDevice, onDeviceLoss } from './gpu.js';
import { tell, troubleOf } from './post.js';

/** Milliseconds between two looks at whether to pause; the steps in between follow each other without a wait. */
const chunkMilliseconds = 150;
const longestChunk = 32;
/** Milliseconds between two checkpoints in memory, which training goes on from when the device was lost. */
const saveEvery = 4000;
const testBatch = 100;
/** Milliseconds until a loss is taken for granted that the browser does not own up to. */
const longestDoubt = 3000;

/** A training of both networks, from its start to its reset. */
interface Session {
  readonly task: TrainingTask;
  /** The last checkpoints; of networks that are yet to start, none. */
  readonly saved: Map<Role, Uint8Array>;
  readonly resetting: AbortController;
  contestants: readonly Contestant[];
  pausing: AbortController;
  /** Ends when the loop has stopped, for whatever reason. */
  running: Promise<void>;
  phase: TrainingPhase;
  savedAt: number;
}

let session: Session | undefined;

onDeviceLoss(() => {
  const lost = session;
  if (!lost) return;
  // While it trains, the loop notices by itself.
  if (lost.phase === 'paused' || lost.phase === 'done') lost.running = recover(lost, lost.phase);
});

/** Starts both networks, each from the checkpoint given for it. */
export async function startTraining(
  task: TrainingTask,
  checkpoints: ReadonlyMap<Role, Uint8Array> = new Map(),
): Promise<TrainingOverview> {
  await resetTraining();
  const started: Session = {
    task,
    saved: new Map(checkpoints),
    resetting: new AbortController(),
    contestants: [],
    pausing: new AbortController(),
    running: Promise.resolve(),
    phase: 'compiling',
    savedAt: 0,
  };
  session = started;
  try {
    await build(started);
    started.resetting.signal.throwIfAborted();
  } catch (error) {
    disposeAll(started);
    if (session === started) {
      enter(started, 'failed');
      session = undefined;
    }
    throw error;
  }
  const { steps, batch, distillation } = task.settings;
  const overview = {
    data: describeData(task.data),
    networks: started.contestants.map(describeContestant),
    steps,
    batch,
    distillation,
  };
  started.running = keepTraining(started);
  return overview;
}

/** Stops behind the step in work. */
export async function pauseTraining(): Promise<void> {
  session?.pausing.abort();
  await session?.running;
}

export async function resumeTraining(): Promise<void> {
  const paused = session;
  if (!paused?.pausing.signal.aborted) return;
  paused.pausing = new AbortController();
  await paused.running;
  if (paused.phase === 'paused') paused.running = keepTraining(paused);
}

/** Keeps the GPU from a training that is under way until the work is done. */
export async function whilePaused<Result>(work: () => Promise<Result>): Promise<Result> {
  const paused = session;
  const wasPaused = paused?.pausing.signal.aborted;
  await pauseTraining();
  try {
    return await work();
  } finally {
    if (session === paused && !wasPaused) await resumeTraining();
  }
}

/** Ends the training and forgets it. */
export async function resetTraining(): Promise<void> {
  const ended = session;
  if (!ended) return;
  ended.resetting.abort();
  ended.pausing.abort();
  await ended.running;
  disposeAll(ended);
  session = undefined;
  enter(ended, 'idle');
}

/** A network's checkpoint as a file. */
export async function saveCheckpoint(role: Role): Promise<NamedFile> {
  const contestant = trainingContestant(role);
  if (!contestant) {
    throw new FormatError({ operation: 'saveCheckpoint', parameter: role, expected: 'a training', got: 'none' });
  }
  const name = `${contestant.state.network.name}-step-${contestant.trainer.step}.safetensors`;
  return { name, bytes: (await checkpointOf(contestant)) as Uint8Array<ArrayBuffer> };
}

/** The network in training, where there is one. */
export function trainingContestant(role: Role): Contestant | undefined {
  return session?.contestants.find((contestant) => contestant.role === role);
}

function enter(current: Session, phase: TrainingPhase, detail?: string): void {
  current.phase = phase;
  if (current === session || phase === 'idle') tell('phase', { phase, ...(detail !== undefined && { detail }) });
}

/** Compiles both networks on the device, from their last checkpoints. */
async function build(current: Session): Promise<void> {
  enter(current, current.phase === 'recovering' ? 'recovering' : 'compiling');
  const { task, saved, resetting } = current;
  const device = await gpuDevice();
  const made: Contestant[] = [];
  try {
    // The teacher is there before its pupil.
    for (const [index, role] of roles.toReversed().entries()) {
      const bytes = saved.get(role);
      const checkpoint = bytes && decodeCheckpoint(bytes, `${role} checkpoint`);
      const onProgress = ({ compiled, total }: { compiled: number; total: number }): void =>
        tell('compiling', { compiled: index * total + compiled, total: roles.length * total });
      const teacher = role === 'ic' && task.settings.distillation ? made[0]!.state : undefined;
      const hooks = { signal: resetting.signal, onProgress, ...(teacher && { teacher }) };
      made.push(await createContestant(device, role, task, checkpoint, hooks));
    }
  } catch (error) {
    for (const contestant of made) disposeContestant(contestant);
    throw error;
  }
  current.contestants = made;
  await save(current);
}

async function save(current: Session): Promise<void> {
  for (const contestant of current.contestants) current.saved.set(contestant.role, await checkpointOf(contestant));
  current.savedAt = performance.now();
}

/** Trains to the end, past losses of the device. */
async function keepTraining(current: Session): Promise<void> {
  for (;;) {
    try {
      enter(current, 'training');
      await advance(current);
      const finished = isFinished(current);
      if (finished) await test(current);
      await save(current);
      enter(current, finished ? 'done' : 'paused');
      return;
    } catch (error) {
      if (current.resetting.signal.aborted) return;
      if (!(error instanceof DeviceLostError)) {
        enter(current, 'failed');
        tell('trouble', troubleOf(error));
        return;
      }
      const phase = current.pausing.signal.aborted ? 'paused' : undefined;
      await recover(current, phase);
      if (phase ?? current.phase === 'failed') return;
    }
  }
}

/** Builds both networks anew on another device. `phase` is what they were in, unless they are to train on. */
async function recover(current: Session, phase?: TrainingPhase): Promise<void> {
  enter(current, 'recovering');
  try {
    // A lost device takes every call without a word until its loss is known.
    const [contestant] = current.contestants;
    if (contestant) await Promise.race([whenLost(contestant.state.device), rest(longestDoubt)]);
    disposeAll(current);
    await build(current);
    for (const { role, trainer } of current.contestants) tell('rewound', { role, step: trainer.step });
    if (phase) enter(current, phase);
  } catch (error) {
    if (current.resetting.signal.aborted) return;
    // Lost again on the way.
    if (error instanceof DeviceLostError && error.operation !== 'openDevice') return recover(current, phase);
    enter(current, 'failed');
    tell('trouble', troubleOf(error));
  }
}

/** Whichever network is behind trains next, a few steps at a time; a teacher first, to its end. */
async function advance(current: Session): Promise<void> {
  const { steps, distillation } = current.task.settings;
  const { signal } = current.pausing;
  let chunk = 1;
  while (!signal.aborted) {
    const unfinished = current.contestants.filter(({ trainer }) => trainer.step < steps);
    if (unfinished.length === 0) return;
    const next = unfinished.reduce((a, b) => (!distillation && b.trainer.step < a.trainer.step ? b : a));
    const start = performance.now();
    await trainSome(next, chunk, signal);
    const took = performance.now() - start;
    if (took < chunkMilliseconds) chunk = Math.min(2 * chunk, longestChunk);
    else chunk = Math.max(1, Math.floor((chunk * chunkMilliseconds) / took));
    if (performance.now() - current.savedAt > saveEvery) await save(current);
  }
}

function isFinished({ contestants, task }: Session): boolean {
  return contestants.every(({ trainer }) => trainer.step >= task.settings.steps);
}

async function trainSome({ role, trainer }: Contestant, steps: number, signal: AbortSignal): Promise<void> {
  const first = trainer.step;
  const losses: number[] = [];
  const accuracies: number[] = [];
  await trainer.run({
    steps,
    signal,
    reportEvery: longestChunk,
    onStep({ loss, accuracy, distillation }) {
      const own = distillation?.crossEntropy ?? loss;
      // That of a step in float16 that was skipped may be no number.
      losses.push(Number.isFinite(own) ? own : (losses.at(-1) ?? 0));
      accuracies.push(accuracy);
    },
  });
  if (losses.length === 0) return;
  tell('steps', { role, first, losses: Float32Array.from(losses), accuracies: Float32Array.from(accuracies) });
}

async function test(current: Session): Promise<void> {
  enter(current, 'testing');
  const dataset = current.task.data.test;
  for (const { role, state, normalisation } of current.contestants) {
    const evaluation = await compileEvaluation(state, { batch: Math.min(testBatch, dataset.count) });
    try {
      const { signal } = current.resetting;
      const { accuracy, images } = await evaluation.run(dataset, normalisation, { signal });
      tell('tested', { role, accuracy, images });
    } finally {
      evaluation.dispose();
    }
  }
}

function disposeAll(current: Session): void {
  for (const contestant of current.contestants) disposeContestant(contestant);
  current.contestants = [];
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
