import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FormatError } from '../../src/errors.js';
import { writeAtomically } from '../../src/io/writeAtomically.js';
import type { StudySettings } from './settings.js';

/** How a network does on test images. */
export interface Test {
  readonly images: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** One start of a study: what it was run with. */
export interface StartRecord {
  readonly kind: 'start';
  readonly settings: StudySettings;
  readonly command: string;
  readonly adapter: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly date: string;
}

/** Which training a record is of. */
export interface RunKey {
  readonly data: string;
  readonly variant: string;
  readonly seed: number;
}

/** The steps between two looks at the watched test images, and the look behind them. */
export interface StretchRecord extends RunKey {
  readonly kind: 'stretch';
  /** The first of its steps, counted from 0. */
  readonly first: number;
  /** Cross entropy and share of right training images, step by step. */
  readonly losses: readonly number[];
  readonly accuracies: readonly number[];
  readonly seconds: number;
  readonly watched: Test;
}

/** A finished training. */
export interface EndRecord extends RunKey {
  readonly kind: 'end';
  readonly parameters: number;
  /** Of one image, forward. */
  readonly multiplyAdds: number;
  readonly tested: Test;
}

/** Times of single steps, taken in turn with those of the other networks. */
export interface TimesRecord extends Omit<RunKey, 'seed'> {
  readonly kind: 'times';
  readonly milliseconds: readonly number[];
}

export type StudyRecord = StartRecord | StretchRecord | EndRecord | TimesRecord;

/** Whether two records are of the same training. */
export function sameRun(one: RunKey, other: RunKey): boolean {
  return one.data === other.data && one.variant === other.variant && one.seed === other.seed;
}

/** Writes records as a file of JSON lines, as a whole or not at all; its folder is made where it is missing. */
export async function writeRecords(path: string, records: readonly StudyRecord[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
}

/**
 * The records of a file, none where there is no file.
 *
 * @throws FormatError for a line that is no JSON.
 */
export async function readRecords(path: string): Promise<StudyRecord[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as StudyRecord;
    } catch (cause) {
      const details = { operation: 'study', parameter: `${path}, line ${index + 1}`, expected: 'JSON', got: line };
      throw new FormatError({ ...details, got: line.slice(0, 100) }, { cause });
    }
  });
}
