import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { type Machine, machineTime } from '../../src/ops/machine.js';
import { softwareMachine, unknownMachine } from '../../src/ops/machineTable.js';
import type { BoundPlan } from '../../src/ops/plan.js';
import { multiplyAddsOf } from '../../src/ops/probes.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { calibrate, machineFrom, probeOf, sampler } from '../../src/tune/calibrate.js';
import { atOnce } from '../../src/tune/pace.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { mix32 } from '../support/random.js';

/** What a made-up plan has the machine do. */
interface Work extends BoundPlan {
  readonly seconds: number;
}

const copiedBytes = 8 * 4 * 2 ** 20;
const work = (seconds: number): Work => ({ seconds, dispatches: 1, encode() {}, prepare() {} });

/** What calibrating finds of a machine that takes what the model says, by a clock. */
function found(machine: Machine, clock: (milliseconds: number) => number, step = 0): Promise<Machine> {
  const chain = (workgroups: number, rounds: number): number => {
    const products = multiplyAddsOf(rounds);
    const one = { workgroups, threads: 128, products, overhead: 0, bytes: 0 };
    return machineTime([one], machine) / machine.multiplyAdds;
  };
  const stopwatch = {
    time: async (plan: Pick<BoundPlan, 'encode'>, runs: number) => ({
      wall: clock(runs * (plan as Work).seconds * 1000),
    }),
    dispose() {},
  };
  return machineFrom(
    softwareMachine,
    async (workgroups, rounds) => probeOf(work(chain(workgroups, rounds))),
    probeOf(work(copiedBytes / machine.bytes + machine.dispatch)),
    sampler(stopwatch, step, atOnce),
  );
}

let noise = 0;
const clocks: readonly (readonly [name: string, clock: (milliseconds: number) => number, step: number])[] = [
  ['that is exact', (milliseconds) => milliseconds, 0],
  ['of 100 microseconds', (milliseconds) => Math.floor(milliseconds * 10) / 10, 0.1],
  ['of a millisecond', Math.floor, 1],
  ['that is right twice in three times', (milliseconds) => milliseconds * (mix32(++noise, 3) % 3 === 0 ? 4 : 1), 0],
];
const machines: Record<string, Machine> = {
  'two cores': { ...softwareMachine, resident: 1, residentThreads: 1 },
  'eight cores': { ...softwareMachine, units: 8, multiplyAdds: 3e11 },
  'a small GPU': { ...unknownMachine, units: 10, resident: 1, residentThreads: 128 },
  'a large GPU': { ...unknownMachine, units: 128, resident: 1, residentThreads: 128, multiplyAdds: 3e13, bytes: 3e12 },
};

describe.each(Object.entries(machines))('calibrating %s', (_, machine) => {
  it.each(clocks)('finds it within a fifth by a clock %s', async (name, clock, step) => {
    noise = 0;
    const { units, multiplyAdds, bytes, dispatch } = await found(machine, clock, step);
    const close = (got: number, wanted: number): void => {
      expect(got / wanted, `${name}: ${got} for ${wanted}`).toBeGreaterThan(0.8);
      expect(got / wanted, `${name}: ${got} for ${wanted}`).toBeLessThan(1.25);
    };
    close(units, machine.units);
    close(multiplyAdds, machine.multiplyAdds);
    close(bytes, machine.bytes);
    close(dispatch, machine.dispatch);
  });
});

describe('calibrate', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    ({ device } = await testDevice());
  });
  afterAll(closeTestDevice);

  it('leaves what is assumed where the clock stands still, and ends where it tells nonsense', async () => {
    expect(await found(softwareMachine, () => 0)).toEqual(softwareMachine);
    for (const nonsense of [() => 1, () => 1e9, () => -1, () => Number.NaN]) {
      const { units, multiplyAdds, bytes, dispatch } = await found(softwareMachine, nonsense);
      for (const one of [units, multiplyAdds, bytes, dispatch]) {
        expect(one).toBeGreaterThan(0);
        expect(one).toBeLessThan(Number.POSITIVE_INFINITY);
      }
    }
  });

  it('takes about a second, leaves nothing on the device, and is what is planned with', async () => {
    const before = bufferUsage(device);
    // Whatever compiles the first time.
    await calibrate(device);
    const start = performance.now();
    const machine = await calibrate(device);
    const seconds = (performance.now() - start) / 1000;
    // A second of measuring; a machine that does other work, too, takes longer between two samples.
    expect(seconds).toBeLessThan(10);
    expect(bufferUsage(device)).toEqual(before);
    expect(deviceTraits(device).machine).toEqual(machine);
    expect(machine.units).toBeGreaterThanOrEqual(1);
    expect(machine.multiplyAdds).toBeGreaterThan(1e8);
    expect(machine.multiplyAdds).toBeLessThan(1e15);
    expect(machine.bytes).toBeGreaterThan(1e7);
    expect(machine.dispatch).toBeLessThan(0.1);
  });

  it('ends with the signal', async () => {
    const controller = new AbortController();
    const before = bufferUsage(device);
    const calibrating = calibrate(device, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(calibrating).rejects.toThrow('enough');
    expect(bufferUsage(device)).toEqual(before);
  });
});
