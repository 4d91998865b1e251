import { stayAwake } from '../device/naps.js';

/** Times of single runs, in milliseconds, in the order in which they were taken; both sides in turn. */
export interface Samples {
  readonly ours: readonly number[];
  readonly peer: readonly number[];
}

/** One side of a comparison. */
export interface Contender {
  /** Whether its users wait as Dawn does, which does not sleep meanwhile; this package's device does. */
  readonly awake?: boolean;
  /** Starts a number of runs, all of them submitted. */
  submit(runs: number): void | Promise<void>;
  /** Ends when all of them are done; left out where they are in the queue of the bench's device. */
  finished?(): Promise<void>;
}

export interface TimingOptions {
  /** For the samples of one row, both sides together. */
  readonly seconds: number;
}

/** In milliseconds. A shorter sample would time the submit and the wait for its end, which take up to half of one. */
const shortestSample = 20;
const fewestPairs = 5;
/** Where a pair alone takes this long, three have to do. */
const slowPair = 500;
const fewestSlowPairs = 3;
const mostPairs = 200;

/**
 * Times contenders in turn, each sample beside its counterpart, the order swapped from pair to pair. Every contender has
 * run before, so that everything is compiled and uploaded.
 *
 * @param peer - left out where there is nobody to compare with
 * @returns milliseconds a run
 */
export async function timePair(
  device: GPUDevice,
  ours: Contender,
  peer: Contender | undefined,
  { seconds }: TimingOptions,
): Promise<Samples> {
  const sides = peer ? [ours, peer] : [ours];
  const runs: number[] = [];
  let pairTime = 0;
  for (const side of sides) {
    const once = await sample(device, side, 1);
    runs.push(await enoughRuns(device, side, once));
    pairTime += once * runs.at(-1)!;
  }
  const fewest = pairTime > slowPair ? fewestSlowPairs : fewestPairs;
  const times: number[][] = sides.map(() => []);
  const start = performance.now();
  for (let pair = 0; pair < mostPairs; pair++) {
    if (pair >= fewest && performance.now() - start >= seconds * 1000) break;
    const order = sides.map((_, index) => (pair % 2 === 0 ? index : sides.length - 1 - index));
    for (const index of order) times[index]!.push(await sample(device, sides[index]!, runs[index]!));
  }
  return { ours: times[0]!, peer: times[1] ?? [] };
}

/** Runs that fill a sample; a single run also holds the latency of a submit, so a handful is timed where one is short. */
async function enoughRuns(device: GPUDevice, side: Contender, once: number): Promise<number> {
  if (once >= shortestSample) return 1;
  const several = Math.ceil(shortestSample / once) + 1;
  return Math.ceil(shortestSample / (await sample(device, side, several))) + 1;
}

/** Milliseconds a run from the first call until all are done. */
async function sample(device: GPUDevice, side: Contender, runs: number): Promise<number> {
  stayAwake(device, side.awake ?? false);
  const start = performance.now();
  await side.submit(runs);
  await (side.finished ?? (() => device.queue.onSubmittedWorkDone()))();
  const time = (performance.now() - start) / runs;
  stayAwake(device, false);
  return time;
}
