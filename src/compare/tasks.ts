import type { Samples } from '../measure/samples.js';
import { median, ratioOfMedians } from '../measure/statistics.js';
import { version } from '../tune/record.js';
import type { Ours } from './ours.js';
import type { Peer } from './peers/peer.js';
import type { Counterpart, Pass, Row, SuiteName } from './rows.js';

/** What a task runs on. */
export interface Bench {
  /** Disposes of something after the task, however it ends; gives it back. */
  keep<T extends { dispose(): void }>(one: T): T;
  readonly device: GPUDevice;
  readonly ours: Ours;
  /** Whom the row compares with; undefined where ours runs alone. */
  readonly peer: Peer | undefined;
  /** For the samples of a row. */
  readonly seconds: number;
}

/** What makes one row. */
export interface Task {
  readonly suite: SuiteName;
  readonly name: string;
  readonly pass: Pass;
  /** Whether a peer computes the same. */
  covers(peer: Peer): boolean;
  /** Whether there is a row without a peer, too, where there are peers. */
  readonly alone?: boolean;
  /**
   * Checks the results, then times.
   *
   * @throws MismatchError where they differ
   */
  run(bench: Bench): Promise<Row>;
}

/** This package's plain convolution beside its IC convolution, which is the dearer one on purpose. */
export const plainConvolution: Counterpart = {
  name: 'plain convolution',
  version,
  waiting: 'as ours',
};

/** In float16: this package in float32, beside which a row stands that has no peer. */
export const inFloat32: Counterpart = {
  name: 'this package in float32',
  version,
  waiting: 'as ours',
};

/**
 * What a precision below float32 is held to: the same in float32. Undefined where that is the precision.
 *
 * @param make - the same on another side
 */
export function fullCounterpart<T>(ours: Ours, make: (full: Ours) => Promise<T>): Promise<T> | undefined {
  return inFull(ours) ? undefined : make({ ...ours, precision: 'float32' });
}

/** Whether ours computes in float32. */
export function inFull({ precision = 'float32' }: Ours): boolean {
  return precision === 'float32';
}

/** A row out of its samples; `multiplyAdds` of one run where there are such. */
export function rowOf(
  { suite, name, pass }: Pick<Task, 'suite' | 'name' | 'pass'>,
  samples: Samples,
  more: {
    readonly peer: Counterpart | undefined;
    readonly family: string;
    readonly multiplyAdds?: number;
    readonly note?: string;
  },
): Row {
  const { peer, family, multiplyAdds, note } = more;
  const oursMs = median(samples.ours);
  const compared = samples.peer.length > 0;
  const [over, under] = peer === plainConvolution ? [samples.ours, samples.peer] : [samples.peer, samples.ours];
  const estimate = compared ? ratioOfMedians(over, under) : undefined;
  return {
    suite,
    name,
    pass,
    peer: peer ? { name: peer.name, version: peer.version, waiting: peer.waiting } : null,
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
