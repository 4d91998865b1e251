import { afterEach, expect, it, vi } from 'vitest';
import type { BoundPlan } from '../../src/ops/plan.js';
import { atOnce } from '../../src/tune/pace.js';
import { race, winnerOf } from '../../src/tune/race.js';

type Plan = Pick<BoundPlan, 'encode'>;

/** Milliseconds of a plan's readings, one after the other; the last one from then on. */
const readings = new Map<Plan, number[]>();

vi.mock('../../src/measure/stopwatch.js', async (load) => {
  const own = await load<typeof import('../../src/measure/stopwatch.js')>();
  const time = async (plan: Plan) => {
    const left = readings.get(plan)!;
    return { wall: left.length > 1 ? left.shift()! : left[0]! };
  };
  return { ...own, createStopwatch: () => ({ time, dispose() {} }) };
});

afterEach(() => readings.clear());

function timed(...times: number[]): Plan {
  const plan = { encode() {} };
  readings.set(plan, times);
  return plan;
}

const run = (...plans: Plan[]): Promise<number[][]> => race({} as GPUDevice, plans, { seconds: 0.001, pace: atOnce });

it('gives one that was slow at first another look, and lets the best win', async () => {
  // Something kept the machine while the second one ran for the first time.
  const times = await run(timed(10), timed(90, 6));
  expect(times[1]!.length).toBe(times[0]!.length);
  expect(winnerOf(times, 0)).toBe(1);
});

it('leaves out one that is slow twice', async () => {
  const times = await run(timed(10), timed(90, 80, 6));
  expect(times[0]!.length).toBeGreaterThan(2);
  expect(times[1]).toEqual([80]);
  expect(winnerOf(times, 0)).toBe(0);
});
