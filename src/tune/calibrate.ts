import { createBuffer, destroyBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import { clockStep, createStopwatch, isPlausible, type Stopwatch } from '../measure/stopwatch.js';
import type { Machine } from '../ops/machine.js';
import { type BoundPlan, bindPlan, compilePlan, type OperationPlan } from '../ops/plan.js';
import { multiplyAddsOf, planCopy, planMultiplyAdds } from '../ops/probes.js';
import { deviceTraits, knowMachine, machineOf } from '../ops/traits.js';
import { atOnce, type Pace } from './pace.js';

/** How a device is measured. */
export interface CalibrateOptions {
  /** Ends measuring with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const operation = 'calibrate';
/** Of timing in all, looked at between samples. */
const budgetMilliseconds = 700;
/** A sample that tells, in milliseconds and in steps of the clock, and the most runs of one. */
const shortestSample = 5;
const shortestSteps = 20;
const mostRuns = 1024;
const mostRounds = 8;
/**
 * Workgroups that are tried, one power of two after the other, until twice as many take about twice as long several times in a row: so
 * many rounds of those that run side by side that it does not matter how full the last one is.
 */
const mostWorkgroups = 4096;
const doubled = 1.7;
const mostDoublings = 4;
/** A chain takes as long as so many dispatches, so that its start does not count. */
const chainDispatches = 32;
/** Of multiply-adds, where they are not told from the dispatch around them. */
const mostChainRounds = 2 ** 14;
const copiedValues = 4 * 2 ** 20;

/**
 * Measures how much of a device runs side by side and how fast: chains of multiply-adds on more and more workgroups, until more
 * of them take as much longer; a copy; dispatches that do next to nothing. Takes under a second, of which what could not be
 * measured stays as it was assumed; compiling comes ahead. What is planned for the device from then on counts with it.
 *
 * @throws DeviceLostError, LimitError, UnsupportedError; the signal's reason when aborted.
 */
export async function calibrate(device: GPUDevice, { signal }: CalibrateOptions = {}): Promise<Machine> {
  const machine = await measureMachine(device, atOnce, signal);
  knowMachine(device, machine);
  return machine;
}

/** As {@link calibrate}, at a pace, and nobody is told. */
export async function measureMachine(device: GPUDevice, pace: Pace, signal: AbortSignal | undefined): Promise<Machine> {
  const guess = machineOf(deviceTraits(device));
  const plans = [planMultiplyAdds(mostWorkgroups, 0), planCopy(copiedValues)];
  // All numbers of workgroups share a pipeline.
  const [, copying] = await Promise.all(plans.map((plan) => pace.compile(() => compilePlan(device, plan))));
  const stopwatch = createStopwatch(device);
  const made: GPUBuffer[] = [];
  const room = (bytes: number): GPUBuffer => {
    const buffer = createBuffer(device, { label: operation, size: bytes, usage: GPUBufferUsage.STORAGE });
    made.push(buffer);
    return buffer;
  };
  try {
    const output = await guard(device, operation, () => room(4 * 128 * mostWorkgroups));
    const [from, to] = await guard(device, operation, () => [room(4 * copiedValues), room(4 * copiedValues)]);
    const copy = probeOf(bindPlan(copying!, { input: from!, output: to! }));
    const chainsOf = async (workgroups: number, rounds: number): Promise<Probe> => {
      const plan: OperationPlan = planMultiplyAdds(workgroups, rounds);
      return probeOf(bindPlan(await compilePlan(device, plan), { output }));
    };
    return await machineFrom(guess, chainsOf, copy, sampler(stopwatch, clockStep(), pace, signal));
  } finally {
    stopwatch.dispose();
    for (const buffer of made) destroyBuffer(device, buffer);
  }
}

/** What is timed. */
export interface Probe {
  readonly plan: BoundPlan;
  /** Of a sample. */
  runs: number;
  /** Of a run in the fastest sample; infinite where none told anything. */
  seconds: number;
}

export function probeOf(plan: BoundPlan): Probe {
  return { plan, runs: 1, seconds: Number.POSITIVE_INFINITY };
}

/** Times probes within the budget. */
export interface Sampler {
  /** What is left of the budget, from 1 to 0. */
  left(): number;
  /** Once, not counted: drivers compile then. */
  warmUp(probe: Probe): Promise<void>;
  /** With as many runs as make a sample that tells. */
  settle(probe: Probe): Promise<void>;
  /** Once more. */
  sample(probe: Probe): Promise<void>;
}

/** @param clock - milliseconds from one of its values to the next */
export function sampler(stopwatch: Stopwatch, clock: number, pace: Pace, signal?: AbortSignal): Sampler {
  const longEnough = Math.max(shortestSample, shortestSteps * clock);
  let spent = 0;

  /** Milliseconds that a sample took. */
  async function sample(probe: Probe): Promise<number> {
    signal?.throwIfAborted();
    return pace.run(async () => {
      const start = performance.now();
      const reading = await stopwatch.time(probe.plan, probe.runs);
      spent += performance.now() - start;
      const milliseconds = isPlausible(reading) ? reading.queries! : reading.wall;
      if (milliseconds > 0) probe.seconds = Math.min(probe.seconds, milliseconds / probe.runs / 1000);
      return reading.wall;
    });
  }

  const left = (): number => Math.max(0, 1 - spent / budgetMilliseconds);
  return {
    left,
    async warmUp(probe) {
      await sample(probe);
      spent = 0;
    },
    async sample(probe) {
      await sample(probe);
    },
    async settle(probe) {
      for (;;) {
        probe.seconds = Number.POSITIVE_INFINITY;
        const wall = await sample(probe);
        if (wall >= longEnough || probe.runs >= mostRuns || left() === 0) return;
        const growth = Math.min(32, Math.ceil((1.2 * longEnough) / Math.max(wall, 0.01)));
        probe.runs = Math.min(mostRuns, probe.runs * Math.max(2, growth));
      }
    },
  };
}

/** What is known of a machine when the budget is spent. */
export async function machineFrom(
  guess: Machine,
  chainsOf: (workgroups: number, rounds: number) => Promise<Probe>,
  copy: Probe,
  { left, warmUp, settle, sample }: Sampler,
): Promise<Machine> {
  const empty = await chainsOf(1, 0);
  for (const probe of [empty, copy]) await warmUp(probe);
  await settle(empty);
  const short = await chainsOf(1, 64);
  await settle(short);
  await settle(copy);
  if (!Number.isFinite(empty.seconds + short.seconds)) return guess;
  const perRound = Math.max(short.seconds - empty.seconds, empty.seconds / 8) / 64;
  const rounds = Math.min(mostChainRounds, Math.max(64, Math.ceil((chainDispatches * empty.seconds) / perRound)));
  const chains: Probe[] = [];
  for (let workgroups = 1, doublings = 0; workgroups <= mostWorkgroups; workgroups *= 2) {
    const chain = await chainsOf(workgroups, rounds);
    await settle(chain);
    chains.push(chain);
    doublings = chain.seconds >= doubled * (chains.at(-2)?.seconds ?? Infinity) ? doublings + 1 : 0;
    // The other half is for samples in turns, of which a while that slows the machine spoils some alone.
    if (doublings === mostDoublings || left() < 0.5) break;
  }
  const probes = [empty, copy, ...chains];
  for (let round = 0; round < mostRounds; round++) {
    for (const probe of probes) if (left() > 0) await sample(probe);
  }
  const times = chains.map(({ seconds }) => seconds - empty.seconds);
  const rate = Math.max(...times.map((time, index) => (time > 0 ? 2 ** index / time : 0)));
  const copying = copy.seconds - empty.seconds;
  return {
    ...guess,
    ...(rate > 0 && times[0]! > 0 && { units: Math.max(1, Math.round(rate * times[0]!)) }),
    ...(rate > 0 && { multiplyAdds: rate * multiplyAddsOf(rounds) }),
    ...(copying > 0 && Number.isFinite(copying) && { bytes: (8 * copiedValues) / copying }),
    dispatch: empty.seconds,
  };
}
