import { ICError } from '../../src/errors.js';
import { mix32 } from '../support/random.js';
import { type Random, randomOf } from './random.js';

/** What reads files of a kind, and how to make such files. */
export interface FuzzedReader {
  /** An input, most of them broken, made of a sound one. */
  mutant(random: Random): Uint8Array;
  /** Reads an input, and throws what is no ICError where what it has read contradicts itself. */
  read(input: Uint8Array): unknown;
}

export interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  /** The number of the first input, to try one again; 0 where left out. */
  readonly first?: number;
  /** What a small input may take; 1000 where left out. */
  readonly slowMilliseconds?: number;
  readonly onProgress?: (tried: number) => void;
}

/** An input that was neither read nor refused as it should be. */
export interface Wrong {
  /** Its number. */
  readonly input: number;
  readonly what: string;
}

export interface FuzzReport {
  readonly tried: number;
  /** By an ICError, in time. */
  readonly refused: number;
  /** And sound, in time. */
  readonly accepted: number;
  readonly wrong: readonly Wrong[];
  readonly slowest: { readonly input: number; readonly milliseconds: number };
}

/** An error shortens what it repeats of a file. */
const longestMessage = 2000;

/** Gives a reader `count` inputs and looks at what it does with them. */
export async function fuzz(
  { mutant, read }: FuzzedReader,
  { count, seed, first = 0, slowMilliseconds = 1000, onProgress }: FuzzOptions,
): Promise<FuzzReport> {
  const wrong: Wrong[] = [];
  let refused = 0;
  let accepted = 0;
  let slowest = { input: first, milliseconds: 0 };
  for (let input = first; input < first + count; input++) {
    const bytes = mutant(randomOf(mix32(input, seed)));
    const { fault, isRefused, milliseconds } = await timed(read, bytes, slowMilliseconds);
    if (milliseconds > slowest.milliseconds) slowest = { input, milliseconds };
    if (fault !== undefined) wrong.push({ input, what: fault });
    else if (isRefused) refused++;
    else accepted++;
    onProgress?.(input + 1 - first);
  }
  return { tried: count, refused, accepted, wrong, slowest };
}

interface Attempt {
  readonly fault: string | undefined;
  readonly isRefused: boolean;
  readonly milliseconds: number;
}

/** An attempt that is slow is made again: the machine may have been busy. */
async function timed(read: FuzzedReader['read'], bytes: Uint8Array, slowMilliseconds: number): Promise<Attempt> {
  let fastest = await attempt(read, bytes);
  for (let again = 0; again < 2 && fastest.milliseconds > slowMilliseconds; again++) {
    const next = await attempt(read, bytes);
    if (next.milliseconds < fastest.milliseconds) fastest = next;
  }
  const { fault, milliseconds } = fastest;
  return milliseconds > slowMilliseconds
    ? { ...fastest, fault: fault ?? `slow: ${milliseconds.toFixed(0)} ms` }
    : fastest;
}

async function attempt(read: FuzzedReader['read'], bytes: Uint8Array): Promise<Attempt> {
  const started = performance.now();
  const error = await Promise.resolve()
    .then(() => read(bytes))
    .then(
      () => undefined,
      (reason: unknown) => reason ?? new Error('nothing was thrown'),
    );
  const milliseconds = performance.now() - started;
  return { fault: error === undefined ? undefined : faultOf(error), isRefused: error !== undefined, milliseconds };
}

/** What is wrong with an error, if anything is. */
function faultOf(error: unknown): string | undefined {
  if (!(error instanceof ICError)) return error instanceof Error ? (error.stack ?? error.message) : `threw ${error}`;
  return error.message.length > longestMessage ? `a message of ${error.message.length} characters` : undefined;
}
