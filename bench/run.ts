import type { Ours } from '../src/compare/ours.js';
import type { Peer } from '../src/compare/peers/peer.js';
import { type Failure, type Report, type Row, type SuiteName, suiteNames } from '../src/compare/rows.js';
import { convolutionTasks } from '../src/compare/suites/conv.js';
import { encodeTasks } from '../src/compare/suites/encode.js';
import { icTasks } from '../src/compare/suites/ic.js';
import { modelTasks } from '../src/compare/suites/model.js';
import { peaksOf, rooflineShares, rooflineTasks } from '../src/compare/suites/roofline.js';
import { trainTasks } from '../src/compare/suites/train.js';
import { type Bench, inFull, type Task } from '../src/compare/tasks.js';
import type { RequestDeviceOptions } from '../src/device/device.js';
import { UnsupportedError } from '../src/errors.js';
import { checkPrecision, type Precision } from '../src/ops/precision.js';
import { openForCommand } from '../src/terminal/adapter.js';
import type { Output } from '../src/terminal/output.js';
import { progressBar } from '../src/terminal/progress.js';
import { coldTasks } from './coldStart.js';
import { openOurs } from './openOurs.js';
import { openPeers, type PeerLibrary } from './peers/libraries.js';
import { currentCommit, versionsOf } from './provenance.js';

export interface RunOptions {
  readonly suites: readonly SuiteName[];
  /** Only rows with this text in `SUITE NAME PASS`. */
  readonly filter?: string;
  readonly seconds: number;
  readonly adapter: string;
  /** Features that the device shall not have. */
  readonly without: NonNullable<RequestDeviceOptions['without']>;
  /** Features of drafts that it shall have. */
  readonly experimental?: RequestDeviceOptions['experimental'];
  readonly tune: boolean;
  /** In which ours' tensors lie in memory. */
  readonly precision: Precision;
  /** Whom to compare with, ours alone where there are none. */
  readonly peers: readonly PeerLibrary[];
  /** Whether peers on ours' device wait as it does. */
  readonly peerNaps: boolean;
}

/**
 * Runs the suites and collects what they find. A row that fails does not keep the others from running; the signal ends the
 * bench behind the row that is being timed.
 *
 * @throws UnsupportedError where the filter leaves no row, or a peer's package is missing; DeviceLostError where no adapter fits.
 */
export async function runBench(options: RunOptions, output: Output, signal: AbortSignal): Promise<Report> {
  const tasks = chosenTasks(options);
  const { device, adapter, close } = await openForCommand(options.adapter, output, options);
  try {
    checkPrecision(device, 'bench', options.precision);
    const ours = openOurs(device, options.tune, options.precision);
    const peers = await openPeers(options.peers, { device, naps: options.peerNaps });
    const found = await runTasks(tasks, peers, { device, ours, seconds: options.seconds }, output, signal);
    const { rows } = found;
    const peaks = peaksOf(rows, options.precision);
    return {
      adapter,
      driver: adapter.description,
      versions: versionsOf(['webgpu']),
      commit: currentCommit(),
      date: new Date().toISOString(),
      without: options.without,
      tuned: options.tune,
      precision: options.precision,
      ...found,
      ...(peaks && { peaks }),
      roofline: peaks ? rooflineShares(rows, peaks, options.precision) : [],
    };
  } finally {
    close();
  }
}

/** Runs every task beside each peer that covers it. */
export async function runTasks(
  tasks: readonly Task[],
  peers: readonly Peer[],
  given: Omit<Bench, 'keep' | 'peer'>,
  output: Output,
  signal: AbortSignal,
): Promise<Pick<Report, 'rows' | 'failures' | 'leftOut' | 'incomparable'>> {
  const comparisons = tasks.map((task) => opponents(task, peers, given.ours).map((peer) => ({ task, peer })));
  const planned = comparisons.flat();
  const kept: { dispose(): void }[] = [];
  const keep: Bench['keep'] = (one) => {
    kept.push(one);
    return one;
  };
  const rows: Row[] = [];
  const failures: Failure[] = [];
  const progress = progressBar('bench', planned.length, output);
  for (const [index, { task, peer }] of planned.entries()) {
    if (signal.aborted) break;
    const { suite, name, pass } = task;
    progress.update(index, `${suite} ${name} ${pass}${peer ? `, ${peer.name}` : ''}`);
    try {
      rows.push(await task.run({ ...given, peer, keep }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failures.push({ suite, name, pass, peer: peer?.name ?? null, message });
    } finally {
      for (const one of kept.splice(0)) one.dispose();
      await peer?.reset?.();
    }
  }
  const done = rows.length + failures.length;
  progress.update(done);
  progress.stop();
  const incomparable = comparisons.filter(({ length }) => length === 0).length;
  return { rows, failures, leftOut: planned.length - done, incomparable };
}

/** Beside whom a task runs; undefined is nobody. */
function opponents(task: Task, peers: readonly Peer[], ours: Ours): (Peer | undefined)[] {
  const covering = peers.filter((peer) => task.covers(peer));
  // In another precision than float32 ours stands beside itself, too.
  return peers.length === 0 || task.alone || !inFull(ours) ? [undefined, ...covering] : covering;
}

/** The rows asked for, and with them the peaks: they belong to whatever convolutions are timed. */
function chosenTasks({ suites, filter = '', ...options }: RunOptions): Task[] {
  const tasks = suiteNames.filter((suite) => suites.includes(suite)).flatMap((suite) => tasksOf(suite, options));
  const asked = tasks.filter(({ suite, name, pass }) => `${suite} ${name} ${pass}`.includes(filter));
  if (asked.length > 0) return tasks.filter((task) => task.suite === 'roofline' || asked.includes(task));
  const expected = 'text that stands in "SUITE NAME PASS" of a row';
  throw new UnsupportedError({ operation: 'bench', parameter: 'filter', expected, got: filter });
}

function tasksOf(
  suite: SuiteName,
  {
    adapter,
    peerNaps,
    precision,
    experimental,
  }: Pick<RunOptions, 'adapter' | 'peerNaps' | 'precision' | 'experimental'>,
): Task[] {
  switch (suite) {
    case 'conv':
      return convolutionTasks();
    case 'ic':
      return icTasks();
    case 'model':
      return modelTasks();
    case 'train':
      return trainTasks();
    case 'encode':
      return encodeTasks();
    case 'cold':
      return coldTasks(adapter, peerNaps);
    case 'roofline':
      return rooflineTasks(precision, experimental);
  }
}
