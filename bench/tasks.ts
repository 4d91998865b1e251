import type { Ours } from './ours.js';
import type { Peer } from './peer.js';
import type { Pass, Row, Samples, SuiteName } from './rows.js';
import { median, ratioOfMedians } from './statistics.js';

/** What a task runs on. */
export interface Bench {
  /** Disposes of something after the task, however it ends; gives it back. */
  keep<T extends { dispose(): void }>(one: T): T;
  readonly device: GPUDevice;
  readonly ours: Ours;
  /** Left out where ours runs alone. */
  readonly peer: Peer | undefined;
  /** For the samples of a row. */
  readonly seconds: number;
}

/** What makes one row. */
export interface Task {
  readonly suite: SuiteName;
  readonly name: string;
  readonly pass: Pass;
  /**
   * Checks the results, then times.
   *
   * @throws MismatchError where they differ
   */
  run(bench: Bench): Promise<Row>;
}

/** A row out of its samples; `multiplyAdds` of one run where there are such. */
export function rowOf(
  { suite, name, pass }: Omit<Task, 'run'>,
  samples: Samples,
  more: { readonly family: string; readonly multiplyAdds?: number; readonly note?: string },
): Row {
  const { family, multiplyAdds, note } = more;
  const oursMs = median(samples.ours);
  const compared = samples.peer.length > 0;
  // The time of ours per time of the peer where ours is the dearer one on purpose.
  const [over, under] = suite === 'ic' ? [samples.ours, samples.peer] : [samples.peer, samples.ours];
  const estimate = compared ? ratioOfMedians(over, under) : undefined;
  return {
    suite,
    name,
    pass,
    family,
    oursMs,
    peerMs: compared ? median(samples.peer) : null,
    ratio: estimate?.ratio ?? null,
    ratioLow: estimate?.low ?? null,
    ratioHigh: estimate?.high ?? null,
    gflops: multiplyAdds === undefined ? null : (2 * multiplyAdds) / oursMs / 1e6,
    ...(note !== undefined && { note }),
    samples,
  };
}

/** What stands below the table where constant filters were transformed ahead. */
export const preparedNote = '* Filters are transformed once, ahead of what is timed, as in inference.';
