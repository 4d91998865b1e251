import { createStopwatch, isPlausible, type Reading } from '../measure/stopwatch.js';
import type { BoundPlan } from '../ops/plan.js';
import type { Pace } from './pace.js';

export interface RaceOptions {
  /** Of measuring, once every contestant has its first time. */
  readonly seconds: number;
  readonly signal?: AbortSignal | undefined;
  /** Of the samples. */
  readonly pace: Pace;
}

/** Milliseconds; a shorter sample would time the submit. */
const shortestSample = 4;
const mostRuns = 4096;
/** A first time this often the best one's is no near thing. */
const hopeless = 3;
const fewestRounds = 3;
const mostRounds = 9;

/**
 * Times plans in turns, the order turned round from round to round, so that what slows the machine for a while slows all of
 * them. One that is hopeless at first
 * and at second sight does not take part any longer.
 *
 * @returns milliseconds a run, every round, for each plan; the better of two for the hopeless ones
 * @throws DeviceLostError, LimitError, UnsupportedError; the signal's reason when aborted.
 */
export async function race(
  device: GPUDevice,
  plans: readonly Pick<BoundPlan, 'encode'>[],
  { seconds, signal, pace }: RaceOptions,
): Promise<number[][]> {
  const stopwatch = createStopwatch(device);
  const time = (index: number, runs: number): Promise<Reading> => {
    signal?.throwIfAborted();
    return pace.run(() => stopwatch.time(plans[index]!, runs));
  };
  try {
    const firsts: FirstTime[] = [];
    for (const index of plans.keys()) firsts.push(await firstTime((runs) => time(index, runs)));
    const best = firsts.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a));
    const isHopeless = ({ milliseconds }: FirstTime): boolean => milliseconds > hopeless * best.milliseconds;
    for (const [index, first] of firsts.entries()) {
      if (!isHopeless(first)) continue;
      // Something else may have kept the machine just then.
      const { wall } = await time(index, first.runs);
      firsts[index] = { ...first, milliseconds: Math.min(first.milliseconds, wall / first.runs) };
    }
    const running = [...plans.keys()].filter((index) => !isHopeless(firsts[index]!));
    const times = firsts.map(({ milliseconds }, index) => (running.includes(index) ? [] : [milliseconds]));
    const queries = isPlausible(await time(firsts.indexOf(best), best.runs));
    const start = performance.now();
    for (let round = 0; round < mostRounds; round++) {
      if (round >= fewestRounds && performance.now() - start >= seconds * 1000) break;
      for (const index of round % 2 === 0 ? running : running.toReversed()) {
        const { runs } = firsts[index]!;
        const reading = await time(index, runs);
        times[index]!.push((queries ? reading.queries! : reading.wall) / runs);
      }
    }
    return times;
  } finally {
    stopwatch.dispose();
  }
}

interface FirstTime {
  /** Runs that fill a sample. */
  readonly runs: number;
  /** Of one of them. */
  readonly milliseconds: number;
}

async function firstTime(time: (runs: number) => Promise<Reading>): Promise<FirstTime> {
  for (let runs = 1; ; ) {
    const { wall } = await time(runs);
    if (wall >= shortestSample || runs >= mostRuns) return { runs, milliseconds: wall / runs };
    // Not at one stride: the time of a short sample is mostly the submit's.
    const growth = Math.min(8, Math.ceil((1.2 * shortestSample) / Math.max(wall, 0.01)));
    runs = Math.min(mostRuns, runs * Math.max(2, growth));
  }
}

/** The gain below which a change of form is not worth a doubt. */
const leastGain = 0.03;

/**
 * Which contestant to take: the fastest one by the median, but the favourite unless that one is beaten by more than 3 % in
 * the middle of the rounds, and beaten at all in three of four.
 */
export function winnerOf(times: readonly (readonly number[])[], favourite?: number): number {
  const order = [...times.keys()].sort((a, b) => quantile(times[a]!, 0.5) - quantile(times[b]!, 0.5));
  const [best] = order as [number];
  if (favourite === undefined) return best;
  const base = times[favourite]!;
  const beats = (index: number): boolean => {
    const own = times[index]!;
    const rounds = Math.min(own.length, base.length);
    const ratios = Array.from({ length: rounds }, (_, round) => own[round]! / base[round]!);
    return quantile(ratios, 0.5) < 1 - leastGain && quantile(ratios, 0.75) < 1;
  };
  return order.find((index) => index !== favourite && beats(index)) ?? favourite;
}

/** The value that the given share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1]!;
}
