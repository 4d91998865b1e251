import { createBuffer, destroyBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import type { Machine } from '../ops/machine.js';
import { type BoundPlan, bindPlan, compilePlan, type OperationPlan } from '../ops/plan.js';
import { multiplyAddsOf, planCopy, planMultiplyAdds } from '../ops/probes.js';
import { deviceTraits, knowMachine, machineOf } from '../ops/traits.js';
import { createStopwatch, isPlausible, type Stopwatch } from './stopwatch.js';

/** How a device is measured. */
export interface CalibrateOptions {
  /** Ends measuring with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const operation = 'calibrate';
/** A sample that tells, in milliseconds, and the most runs of one. */
const shortestSample = 5;
const mostRuns = 1024;
const samples = 3;
/** Workgroups that are tried, one power of two after the other, until twice as many take twice as long. */
const mostWorkgroups = 4096;
const doubled = 1.8;
const copiedValues = 4 * 2 ** 20;

/**
 * Measures how much of a device runs side by side and how fast: chains of multiply-adds on more and more workgroups, until more
 * of them take as much longer; a copy; dispatches that do next to nothing. Takes under a second. What is planned for the device
 * from then on counts with it.
 *
 * @throws DeviceLostError, LimitError, UnsupportedError; the signal's reason when aborted.
 */
export async function calibrate(device: GPUDevice, { signal }: CalibrateOptions = {}): Promise<Machine> {
  const guess = machineOf(deviceTraits(device));
  const stopwatch = createStopwatch(device);
  const made: GPUBuffer[] = [];
  const room = (bytes: number): GPUBuffer => {
    const buffer = createBuffer(device, { label: operation, size: bytes, usage: GPUBufferUsage.STORAGE });
    made.push(buffer);
    return buffer;
  };
  const seconds = async (plan: OperationPlan, operands: Record<string, GPUBuffer>): Promise<number> => {
    signal?.throwIfAborted();
    return secondsOf(stopwatch, bindPlan(await compilePlan(device, plan), operands));
  };
  try {
    const output = await guard(device, operation, () => room(4 * 128 * mostWorkgroups));
    const dispatch = await seconds(planMultiplyAdds(1, 0), { output });
    // As long as some dispatches, so that their start does not count.
    const one = await seconds(planMultiplyAdds(1, 64), { output });
    const rounds = Math.max(64, Math.ceil((64 * 8 * dispatch) / Math.max(one - dispatch, dispatch / 8)));
    const timeOf = async (workgroups: number): Promise<number> =>
      Math.max((await seconds(planMultiplyAdds(workgroups, rounds), { output })) - dispatch, 1e-9);
    const alone = await timeOf(1);
    let rate = 1 / alone;
    for (let workgroups = 2, before = alone; workgroups <= mostWorkgroups; workgroups *= 2) {
      const time = await timeOf(workgroups);
      rate = Math.max(rate, workgroups / time);
      if (time >= doubled * before) break;
      before = time;
    }
    const [input, copy] = await guard(device, operation, () => [room(4 * copiedValues), room(4 * copiedValues)]);
    const copying = await seconds(planCopy(copiedValues), { input: input!, output: copy! });
    const machine = {
      ...guess,
      units: Math.max(1, Math.round(rate * alone)),
      multiplyAdds: rate * multiplyAddsOf(rounds),
      bytes: (8 * copiedValues) / Math.max(copying - dispatch, 1e-9),
      dispatch,
    };
    knowMachine(device, machine);
    return machine;
  } finally {
    stopwatch.dispose();
    for (const buffer of made) destroyBuffer(device, buffer);
  }
}

/** Seconds of a run: the fastest sample's, by the device's own clock where it has one that tells. */
async function secondsOf(stopwatch: Stopwatch, plan: BoundPlan): Promise<number> {
  let runs = 1;
  for (let wall = 0; ; ) {
    ({ wall } = await stopwatch.time(plan, runs));
    if (wall >= shortestSample || runs >= mostRuns) break;
    runs = Math.min(mostRuns, runs * Math.max(2, Math.min(32, Math.ceil(shortestSample / Math.max(wall, 0.1)))));
  }
  let fastest = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < samples; sample++) {
    const reading = await stopwatch.time(plan, runs);
    fastest = Math.min(fastest, isPlausible(reading) ? reading.queries! : reading.wall);
  }
  return fastest / runs / 1000;
}
