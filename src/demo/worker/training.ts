import { whenLost } from '../../device/device.js';
import { DeviceLostError, FormatError } from '../../errors.js';
import { type Checkpoint, decodeCheckpoint } from '../../train/checkpoint.js';
import { compileEvaluation } from '../../train/evaluation.js';
import type { Standing } from '../keptRaces.js';
import type { NamedFile, Role, TestResult, TrainingOverview, TrainingPhase } from '../protocol.js';
import {
  type Contestant,
  checkpointOf,
  createContestant,
  describeNetwork,
  disposeContestant,
  type TrainingTask,
} from './contestant.js';
import { provideContestants, trainingContestant } from './contestants.js';
import { describeData } from './datasets.js';
import { gpuDevice, onDeviceLoss } from './gpu.js';
import type { Keeper } from './keeper.js';
import { tell, troubleOf } from './post.js';

/** Milliseconds between two looks at whether to pause; the steps in between follow each other without a wait. */
const chunkMilliseconds = 150;
const longestChunk = 32;
/** Milliseconds between two checkpoints in memory, which training goes on from when the device was lost. */
const saveEvery = 4000;
const testBatch = 100;
/** Milliseconds until a loss is taken for granted that the browser does not own up to. */
const longestDoubt = 3000;
/** In the order in which they are made: the plain network is the quickest to compile, and a teacher is there before its pupil. */
const order: readonly Role[] = ['plain', 'ic', 'deep'];

/** Networks being made, one after another. */
interface Building {
  readonly whole: Promise<void>;
  /** Whether all are there. */
  ended: boolean;
  fault?: unknown;
}

/** A training, from its start to its reset: races of the same networks with one seed after another. */
interface Session {
  readonly task: TrainingTask;
  readonly keeper: Keeper;
  /** The last checkpoints; of networks that are yet to start, none. */
  readonly saved: Map<Role, Uint8Array>;
  readonly resetting: AbortController;
  contestants: Contestant[];
  /** Of the race before: who looks at them is not left alone between two races. */
  before: readonly Contestant[];
  building: Building | undefined;
  seed: number;
  tests: readonly TestResult[];
  pausing: AbortController;
  /** Ends when the loop has stopped, for whatever reason. */
  running: Promise<void>;
  phase: TrainingPhase;
  savedAt: number;
}

let session: Session | undefined;
provideContestants(() => (session ? [...session.contestants, ...session.before] : []));

onDeviceLoss(() => {
  const lost = session;
  if (!lost) return;
  // While it trains, the loop notices by itself.
  if (lost.phase === 'paused' || lost.phase === 'done') lost.running = recover(lost, lost.phase);
});

/**
 * Starts the networks, each from the checkpoint given for it; the answer comes when the first one can train, and the others
 * join as they are compiled.
 */
export async function startTraining(
  task: TrainingTask,
  { seed, checkpoints, tests }: Standing,
  keeper: Keeper,
): Promise<TrainingOverview> {
  await resetTraining();
  const started: Session = {
    task,
    keeper,
    saved: new Map(checkpoints),
    resetting: new AbortController(),
    contestants: [],
    before: [],
    building: undefined,
    seed,
    tests,
    pausing: new AbortController(),
    running: Promise.resolve(),
    phase: 'compiling',
    savedAt: performance.now(),
  };
  session = started;
  enter(started, 'compiling');
  try {
    await build(started);
    started.resetting.signal.throwIfAborted();
  } catch (error) {
    await disposeAll(started);
    keeper.release();
    if (session === started) {
      enter(started, 'failed');
      session = undefined;
    }
    throw error;
  }
  started.running = keepTraining(started);
  return overviewOf(started);
}

function overviewOf({ task, saved, seed, tests }: Session): TrainingOverview {
  const { data, settings } = task;
  const networks = rolesOf(task).map((role) => {
    const bytes = saved.get(role);
    const checkpoint = bytes && decodeCheckpoint(bytes, `${role} checkpoint`);
    return describeNetwork(role, checkpoint?.network ?? task.networks[role]!, checkpoint?.training?.step ?? 0);
  });
  return { data: describeData(data), networks, settings, firstSeed: task.seed, seed, tests };
}

function rolesOf({ networks }: TrainingTask): Role[] {
  return order.filter((role) => networks[role]);
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
  await disposeAll(ended);
  await ended.keeper.forget();
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

function enter(current: Session, phase: TrainingPhase, detail?: string): void {
  current.phase = phase;
  if (current === session || phase === 'idle') tell('phase', { phase, ...(detail !== undefined && { detail }) });
}

/** Makes the networks of this race on the device, from their last checkpoints, until the first one can train. */
function build(current: Session): Promise<void> {
  return new Promise((done, fail) => {
    const building: Building = { whole: makeAll(current, done), ended: false };
    current.building = building;
    building.whole.then(
      () => {
        building.ended = true;
      },
      (fault: unknown) => {
        building.fault = fault;
        fail(fault);
      },
    );
  });
}

async function makeAll(current: Session, onFirst: () => void): Promise<void> {
  const { task, saved, resetting, seed } = current;
  const device = await gpuDevice();
  for (const role of rolesOf(task)) {
    const bytes = saved.get(role);
    const checkpoint: Checkpoint | undefined = bytes && decodeCheckpoint(bytes, `${role} checkpoint`);
    const teacher = role === 'ic' && task.settings.distillation ? current.contestants[0]!.state : undefined;
    const contestant = await createContestant(device, role, { ...task, seed }, checkpoint, {
      signal: resetting.signal,
      onProgress: (progress) => tell('compiling', { role, ...progress }),
      ...(teacher && { teacher }),
    });
    current.contestants.push(contestant);
    saved.set(role, await checkpointOf(contestant));
    onFirst();
  }
}

async function save(current: Session): Promise<void> {
  for (const contestant of current.contestants) current.saved.set(contestant.role, await checkpointOf(contestant));
  current.savedAt = performance.now();
  const { saved, seed, tests, keeper } = current;
  await keeper.keep({ seed, tests, checkpoints: new Map(saved) });
}

/** Trains to the end, past losses of the device. */
async function keepTraining(current: Session): Promise<void> {
  for (;;) {
    try {
      enter(current, 'training');
      await advance(current);
      if (!isRaceOver(current)) {
        await save(current);
        enter(current, 'paused');
        return;
      }
      await test(current);
      if (isLastRace(current)) {
        await save(current);
        await current.keeper.forget();
        enter(current, 'done');
        return;
      }
      await nextRace(current);
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

/** The same networks from another start. */
async function nextRace(current: Session): Promise<void> {
  for (const contestant of current.before) disposeContestant(contestant);
  current.before = current.contestants;
  current.contestants = [];
  current.saved.clear();
  current.seed++;
  tell('seed', { seed: current.seed });
  await build(current);
}

/** Builds the networks anew on another device. `phase` is what they were in, unless they are to train on. */
async function recover(current: Session, phase?: TrainingPhase): Promise<void> {
  enter(current, 'recovering');
  try {
    // A lost device takes every call without a word until its loss is known.
    const [contestant] = current.contestants;
    if (contestant) await Promise.race([whenLost(contestant.state.device), rest(longestDoubt)]);
    await disposeAll(current);
    await build(current);
    await current.building?.whole;
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
  const { signal } = current.pausing;
  let chunk = 1;
  while (!signal.aborted) {
    const { building } = current;
    if (building?.fault) throw building.fault;
    const next = behind(current);
    if (!next) {
      if (!building || building.ended) return;
      await Promise.race([building.whole.catch(() => {}), aborted(signal)]);
      continue;
    }
    const start = performance.now();
    await trainSome(next, chunk, signal);
    const took = performance.now() - start;
    if (took < chunkMilliseconds) chunk = Math.min(2 * chunk, longestChunk);
    else chunk = Math.max(1, Math.floor((chunk * chunkMilliseconds) / took));
    if (performance.now() - current.savedAt > saveEvery) await save(current);
  }
}

/** Who trains next, of those that are there. */
function behind({ contestants, task }: Session): Contestant | undefined {
  const { steps, distillation } = task.settings;
  const [first, ...others] = contestants.filter(({ trainer }) => trainer.step < steps);
  return others.reduce((a, b) => (!distillation && b.trainer.step < a!.trainer.step ? b : a), first);
}

function isRaceOver({ contestants, task, building }: Session): boolean {
  return !!building?.ended && contestants.every(({ trainer }) => trainer.step >= task.settings.steps);
}

function isLastRace({ task, seed }: Session): boolean {
  return seed + 1 >= task.seed + task.settings.seeds;
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

/** Tests the networks of a race that is over. */
async function test(current: Session): Promise<void> {
  enter(current, 'testing');
  const dataset = current.task.data.test;
  const { seed } = current;
  const results: TestResult[] = [];
  for (const { role, state, normalisation } of current.contestants) {
    const evaluation = await compileEvaluation(state, { batch: Math.min(testBatch, dataset.count) });
    try {
      const { signal } = current.resetting;
      const { accuracy, images } = await evaluation.run(dataset, normalisation, { signal });
      results.push({ role, seed, error: 1 - accuracy, images });
      tell('tested', results.at(-1)!);
    } finally {
      evaluation.dispose();
    }
  }
  current.tests = [...current.tests.filter((before) => before.seed !== seed), ...results];
}

/** Frees the networks, those still being made when they are. */
async function disposeAll(current: Session): Promise<void> {
  await current.building?.whole.catch(() => {});
  for (const contestant of [...current.contestants, ...current.before]) disposeContestant(contestant);
  current.contestants = [];
  current.before = [];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
}

function rest(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}
