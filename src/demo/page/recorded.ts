import recorded from '../data/recordedRace.json';
import type { NetworkDescription, Role, TestResult, TrainingSettings } from '../protocol.js';

/** A race that was run before, with this package in Node, by `npm run demo:race`. */
export interface RecordedRace {
  readonly adapter: string;
  readonly date: string;
  readonly settings: TrainingSettings;
  /** The data set's name. */
  readonly data: string;
  readonly networks: readonly NetworkDescription[];
  readonly tests: readonly TestResult[];
  /** Smoothed, the mean over the seeds, at steps that divide the training evenly. */
  readonly losses: Readonly<Partial<Record<Role, readonly number[]>>>;
  readonly accuracies: Readonly<Partial<Record<Role, readonly number[]>>>;
}

export const recordedRace = recorded as unknown as RecordedRace;
