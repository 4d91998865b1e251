import type { AdapterDescription } from '../device/adapter.js';
import type { Samples } from '../measure/samples.js';
import type { Precision } from '../ops/precision.js';

export const suiteNames = ['conv', 'ic', 'model', 'train', 'encode', 'cold', 'roofline'] as const;

export type SuiteName = (typeof suiteNames)[number];

/** What of an operation or network is run. */
export type Pass = 'forward' | 'inputGradient' | 'filterGradient' | 'step';

/** Whom a row compares with. */
export interface Counterpart {
  readonly name: string;
  /** `unknown` where it could not be read. */
  readonly version: string;
  /** How it waits for its results, in words. */
  readonly waiting: string;
}

/** One comparison. In suite `ic` "ours" is the IC convolution; beside a peer, or beside this package's plain one. */
export interface Row {
  readonly suite: SuiteName;
  readonly name: string;
  readonly pass: Pass;
  /** Null where ours runs alone. */
  readonly peer: Counterpart | null;
  /** The kernel that does the work, or `network`. */
  readonly family: string;
  /** Medians, in milliseconds a run. */
  readonly oursMs: number;
  readonly peerMs: number | null;
  /** peer / ours, above 1 where ours is the faster; IC / plain beside the plain convolution. With its 95 % interval. */
  readonly ratio: number | null;
  readonly ratioLow: number | null;
  readonly ratioHigh: number | null;
  /** Of ours, by the direct algorithm's count; null where arithmetic is not what is timed. */
  readonly gflops: number | null;
  /** What is timed beside the rule, such as a filter prepared ahead. */
  readonly note?: string;
  readonly samples: Samples;
}

/** A row that could not be timed. */
export interface Failure {
  readonly suite: SuiteName;
  readonly name: string;
  readonly pass: Pass;
  /** The name of the peer beside which it was to run; null where there was none. */
  readonly peer: string | null;
  readonly message: string;
}

/** What the adapter reaches at best in the precision of the rows, measured. */
export interface Peaks {
  readonly fmaGflops: number;
  /** Of matrix units, in float16 with float32 sums. */
  readonly matrixGflops?: number;
  readonly copyGigabytesPerSecond: number;
}

/** A convolution row held to the roofline: what the peaks allow at its ratio of arithmetic to memory traffic. */
export interface RooflineShare {
  readonly name: string;
  readonly pass: Pass;
  readonly gflops: number;
  readonly attainableGflops: number;
  readonly share: number;
}

/** Everything a run of the bench found. */
export interface Report {
  readonly adapter: AdapterDescription;
  readonly driver: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly date: string;
  /** Features that the device did not have though its adapter has them. */
  readonly without: readonly string[];
  readonly tuned: boolean;
  /** In which ours' tensors lay in memory. */
  readonly precision: Precision;
  readonly rows: readonly Row[];
  readonly failures: readonly Failure[];
  /** Rows that were not timed, as the bench was interrupted. */
  readonly leftOut: number;
  /** Rows that were not timed, as none of the peers computes them. */
  readonly incomparable: number;
  readonly peaks?: Peaks;
  readonly roofline: readonly RooflineShare[];
}
