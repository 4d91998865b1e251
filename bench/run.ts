import { openForCommand } from '../src/cli/adapter.js';
import type { Output } from '../src/cli/output.js';
import { progressBar } from '../src/cli/progress.js';
import { UnsupportedError } from '../src/errors.js';
import { coldTasks } from './coldStart.js';
import { openOurs } from './openOurs.js';
import { openPeer } from './peer.js';
import { currentCommit, versionsOf } from './provenance.js';
import { type Failure, type Report, type Row, type SuiteName, suiteNames } from './rows.js';
import { convolutionTasks } from './suites/conv.js';
import { encodeTasks } from './suites/encode.js';
import { icTasks } from './suites/ic.js';
import { modelTasks } from './suites/model.js';
import { peaksOf, rooflineShares, rooflineTasks } from './suites/roofline.js';
import { trainTasks } from './suites/train.js';
import type { Bench, Task } from './tasks.js';

export interface RunOptions {
  readonly suites: readonly SuiteName[];
  /** Only rows with this text in `SUITE NAME PASS`. */
  readonly filter?: string;
  readonly seconds: number;
  readonly adapter: string;
  readonly tune: boolean;
  readonly peer: boolean;
  /** Whether the peer waits as this package's devices do. */
  readonly peerNaps: boolean;
}

/**
 * Runs the suites and collects what they find. A row that fails does not keep the others from running; the signal ends the
 * bench behind the row that is being timed.
 *
 * @throws UnsupportedError where the filter leaves no row; DeviceLostError where no adapter fits.
 */
export async function runBench(options: RunOptions, output: Output, signal: AbortSignal): Promise<Report> {
  const tasks = chosenTasks(options);
  const { device, gpu, adapter, close } = await openForCommand(options.adapter, output);
  try {
    const ours = openOurs(device, options.tune);
    const peer = options.peer ? await openPeer(gpu, device, options.peerNaps) : undefined;
    const given = { device, ours, peer, seconds: options.seconds };
    const { rows, failures, leftOut } = await runTasks(tasks, given, output, signal);
    const peaks = peaksOf(rows);
    return {
      adapter,
      driver: adapter.description,
      versions: versionsOf(['webgpu', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu']),
      commit: currentCommit(),
      date: new Date().toISOString(),
      tuned: options.tune,
      peerNaps: options.peerNaps,
      rows,
      failures,
      leftOut,
      ...(peaks && { peaks }),
      roofline: peaks ? rooflineShares(rows, peaks) : [],
    };
  } finally {
    close();
  }
}

async function runTasks(
  tasks: readonly Task[],
  given: Omit<Bench, 'keep'>,
  output: Output,
  signal: AbortSignal,
): Promise<Pick<Report, 'rows' | 'failures' | 'leftOut'>> {
  const kept: { dispose(): void }[] = [];
  const bench: Bench = {
    ...given,
    keep(one) {
      kept.push(one);
      return one;
    },
  };
  const rows: Row[] = [];
  const failures: Failure[] = [];
  const progress = progressBar('bench', tasks.length, output);
  for (const [index, task] of tasks.entries()) {
    if (signal.aborted) break;
    const { suite, name, pass } = task;
    progress.update(index, `${suite} ${name} ${pass}`);
    try {
      rows.push(await task.run(bench));
    } catch (error) {
      failures.push({ suite, name, pass, message: error instanceof Error ? error.message : String(error) });
    } finally {
      for (const one of kept.splice(0)) one.dispose();
      await given.peer?.reset();
    }
  }
  const done = rows.length + failures.length;
  progress.update(done);
  progress.stop();
  return { rows, failures, leftOut: tasks.length - done };
}

/** The rows asked for, and with them the peaks: they belong to whatever convolutions are timed. */
function chosenTasks({ suites, filter = '', adapter }: RunOptions): Task[] {
  const tasks = suiteNames.filter((suite) => suites.includes(suite)).flatMap((suite) => tasksOf(suite, adapter));
  const asked = tasks.filter(({ suite, name, pass }) => `${suite} ${name} ${pass}`.includes(filter));
  if (asked.length > 0) return tasks.filter((task) => task.suite === 'roofline' || asked.includes(task));
  const expected = 'text that stands in "SUITE NAME PASS" of a row';
  throw new UnsupportedError({ operation: 'bench', parameter: 'filter', expected, got: filter });
}

function tasksOf(suite: SuiteName, adapter: string): Task[] {
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
      return coldTasks(adapter);
    case 'roofline':
      return rooflineTasks();
  }
}
