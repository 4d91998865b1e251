import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { openDevice } from '../../src/device/node.js';
import { DeviceLostError, ShapeError } from '../../src/errors.js';
import { chooseByRule } from '../../src/ops/choose.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import type { CompleteConvolution } from '../../src/ops/convolution/shape.js';
import type { ChooseForm, FormRequest } from '../../src/ops/forms.js';
import type { Machine } from '../../src/ops/machine.js';
import { softwareMachine } from '../../src/ops/machineTable.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { type TunedForm, tuningScope } from '../../src/tune/record.js';
import { exportTuning, importTuning, memoryTuningStore, type TuningStore } from '../../src/tune/store.js';
import { rememberedChoice, type TuneProgress, tune } from '../../src/tune/tune.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { expectClose } from '../support/tolerance.js';
import { type SumForm, sumRequest } from './sumRequest.js';

/** Runs what is timed, and tells a millisecond a dispatch: which form is fastest does not depend on the machine. */
vi.mock('../../src/measure/stopwatch.js', async (load) => {
  const own = await load<typeof import('../../src/measure/stopwatch.js')>();
  const createStopwatch: typeof own.createStopwatch = (device) => {
    const stopwatch = own.createStopwatch(device);
    return {
      ...stopwatch,
      async time(plan, runs) {
        await stopwatch.time(plan, runs);
        let dispatches = 0;
        const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups: () => void dispatches++ };
        plan.encode(pass as unknown as GPUComputePassEncoder);
        return { wall: runs * dispatches };
      },
    };
  };
  return { ...own, createStopwatch };
});

let device: GPUDevice;
let store: TuningStore;
let progress: TuneProgress[];
beforeAll(async () => {
  ({ device } = await testDevice());
});
beforeEach(async () => {
  store = memoryTuningStore();
  await store.addMachine(tuningScope(device), softwareMachine);
  progress = [];
});
afterAll(closeTestDevice);

const quick = () => ({ store, seconds: 0.02, onProgress: (one: TuneProgress) => progress.push(one) });
const asking =
  (...requests: FormRequest[]) =>
  ({ choose }: DeviceTraits) =>
    requests.map((request) => request.plan(choose!(request)));
const slow = 8;
const naive: SumForm = { family: 'naive', cost: 40, dispatches: slow };

/** The number of the form that is taken. */
async function tunedNumber(...forms: SumForm[]): Promise<number> {
  const request = sumRequest('sum', forms);
  const choose = await tune(device, asking(request), quick());
  return choose(request).tile.number!;
}

const faults = () => progress.at(-1)!.result.candidates.map(({ fault }) => fault);

describe('tune', () => {
  it('takes the fastest form, whatever the cost model says', async () => {
    const before = bufferUsage(device);
    expect(
      await tunedNumber({ family: 'subgroup', cost: 10, dispatches: slow }, { family: 'tiled', cost: 20 }, naive),
    ).toBe(1);
    expect(progress).toMatchObject([{ tuned: 1, total: 1, key: 'sum', operation: 'sum' }]);
    expect(faults()).toEqual([undefined, undefined, undefined]);
    expect(bufferUsage(device)).toEqual(before);
    const remembered = (await store.load(tuningScope(device))).get('sum')!;
    expect(remembered.form).toEqual({ family: 'tiled', tile: { number: 1 } });
    expect(remembered.heuristic).toEqual({ family: 'subgroup', tile: { number: 0 } });
    expect(remembered).toMatchObject({ milliseconds: 1, heuristicMilliseconds: slow });
  });

  it("keeps the cost model's form where the others are slower", async () => {
    const others = [1, 2].map((more): SumForm => ({ family: 'subgroup', cost: 10 + more, dispatches: slow }));
    expect(await tunedNumber({ family: 'tiled', cost: 10 }, ...others, naive)).toBe(0);
  });

  it('drops a form that is wrong, and says so', async () => {
    const wrong: SumForm = { family: 'subgroup', cost: 10, error: 0.001 };
    expect(await tunedNumber(wrong, { family: 'tiled', cost: 20, dispatches: 2 }, naive)).toBe(1);
    expect(faults()).toEqual([expect.stringMatching(/^wrong: output\[0\] is /), undefined, undefined]);
  });

  it('drops a form that does not compile, cannot be planned, or finds no memory', async () => {
    const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
    const forms: SumForm[] = [
      { family: 'subgroup', cost: 10, broken: true },
      {
        family: 'subgroup',
        cost: 11,
        inside() {
          throw new ShapeError({ operation: 'sum', parameter: 'tile', expected: 'something else', got: 'this' });
        },
      },
      { family: 'subgroup', cost: 12, scratch: limit + 4 },
      { family: 'tiled', cost: 20 },
      naive,
    ];
    const request = sumRequest('sum', forms);
    const planner = ({ choose }: DeviceTraits) => choose!(request);
    const before = bufferUsage(device);
    const choose = await tune(device, planner, quick());
    expect(choose(request).tile).toEqual({ number: 3 });
    const [broken, unplannable, large, ...right] = faults();
    expect(broken).toMatch(/^broken: kernel: /);
    expect(unplannable).toMatch(/^sum: tile: /);
    expect(large).toContain(String(limit));
    expect(right).toEqual([undefined, undefined]);
    expect(bufferUsage(device)).toEqual(before);
  });

  it('takes the naive form where no other is right', async () => {
    const wrong = [1, 2].map((more): SumForm => ({ family: 'subgroup', cost: more, error: more }));
    expect(await tunedNumber(...wrong, naive)).toBe(2);
  });

  it('leaves an operation alone whose naive form fails', async () => {
    const forms: SumForm[] = [
      { family: 'subgroup', cost: 10, dispatches: slow },
      { family: 'tiled', cost: 20 },
    ];
    expect(await tunedNumber(...forms, { ...naive, broken: true })).toBe(0);
    expect(faults()[0]).toContain('cannot be checked');
    expect(await store.load(tuningScope(device))).toEqual(new Map());
    expect(await tunedNumber(...forms)).toBe(0);
  });

  it('measures the machine first where the store does not know it, whatever the clock says, and keeps it', async () => {
    const request = sumRequest('sum', [{ family: 'subgroup', cost: 10 }, naive]);
    store = memoryTuningStore();
    await tune(device, asking(request), quick());
    const machine = (await store.loadMachine(tuningScope(device)))!;
    expect(deviceTraits(device).machine).toEqual(machine);
    expect(progress).toHaveLength(1);
    const other: Machine = { ...machine, units: machine.units + 1 };
    await store.addMachine(tuningScope(device), other);
    await tune(device, asking(request), quick());
    expect(deviceTraits(device).machine).toEqual(other);
    expect(await store.loadMachine(tuningScope(device))).toEqual(other);
  });

  it('does not measure twice', async () => {
    const request = sumRequest('sum', [{ family: 'subgroup', cost: 10 }, naive]);
    await tune(device, asking(request, request), quick());
    expect(progress).toHaveLength(1);
    const submit = vi.spyOn(device.queue, 'submit');
    await tune(device, asking(request), quick());
    expect(submit).not.toHaveBeenCalled();
    submit.mockRestore();
    expect(progress).toHaveLength(1);
  });

  it('takes turns: calls at once measure one behind the other, and what is measured helps the next', async () => {
    const request = sumRequest('sum', [
      { family: 'subgroup', cost: 10, dispatches: slow },
      { family: 'tiled', cost: 20 },
      naive,
    ]);
    const controller = new AbortController();
    const calls = [tune(device, asking(request), quick()), tune(device, asking(request), quick())];
    const aborted = tune(device, asking(request), { ...quick(), signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    await expect(aborted).rejects.toThrow('changed my mind');
    expect(progress).toHaveLength(0);
    const [first, second] = await Promise.all(calls);
    expect(progress).toHaveLength(1);
    expect(second!(request)).toEqual(first!(request));
  });

  it('remembers on the device where no store is given', async () => {
    const request = sumRequest('own', [{ family: 'subgroup', cost: 10 }, naive]);
    const { store: _, ...options } = quick();
    await tune(device, asking(request), options);
    await tune(device, asking(request), options);
    expect(progress).toHaveLength(1);
  });

  it('measures anew where the remembered form is none of those offered', async () => {
    const gone: TunedForm = {
      form: { family: 'tiled', tile: { size: 3 } },
      milliseconds: 1,
      heuristic: { family: 'naive', tile: {} },
    };
    const request = sumRequest('sum', [{ family: 'subgroup', cost: 10 }, naive]);
    await store.add(tuningScope(device), new Map([['sum', gone]]));
    expect((await rememberedChoice(device, store))(request)).toEqual(chooseByRule(request));
    await tune(device, asking(request), quick());
    expect(progress).toHaveLength(1);
  });

  it('chooses by cost what nobody measured', async () => {
    const choose = await tune(device, asking(sumRequest('sum', [{ family: 'subgroup', cost: 10 }, naive])), quick());
    const other = sumRequest('other', [{ family: 'tiled', cost: 5 }, naive]);
    expect(choose(other)).toEqual({ ...other.forms[0], shared: true });
  });

  it('measures what a form asks for inside ahead of the form', async () => {
    const inner = sumRequest('inner', [
      { family: 'subgroup', cost: 10, dispatches: slow },
      { ...naive, cost: 20, dispatches: 1 },
    ]);
    const planner = ({ choose }: DeviceTraits) => {
      const inside = () => void choose!(inner);
      const forms: SumForm[] = [
        { family: 'subgroup', cost: 10 },
        { family: 'tiled', cost: 12, inside },
      ];
      const outer = sumRequest('outer', [...forms, naive]);
      outer.plan(choose!(outer));
    };
    const choose = await tune(device, planner, quick());
    expect(progress.map(({ key, tuned, total }) => [key, tuned, total])).toEqual([
      ['inner', 1, 2],
      ['outer', 2, 2],
    ]);
    expect(choose(inner).tile).toEqual({ number: 1 });
  });

  it('stops when aborted, and keeps what it has measured', async () => {
    const requests = ['a', 'b', 'c'].map((key) => sumRequest(key, [{ family: 'subgroup', cost: 10 }, naive]));
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = (one: TuneProgress) => {
      progress.push(one);
      if (progress.length === 2) controller.abort(reason);
    };
    const before = bufferUsage(device);
    const tuning = tune(device, asking(...requests), { ...quick(), onProgress, signal: controller.signal });
    await expect(tuning).rejects.toBe(reason);
    expect(progress).toHaveLength(2);
    const remembered = await store.load(tuningScope(device));
    expect([...remembered.keys()].sort()).toEqual(progress.map(({ key }) => key).sort());
    expect(bufferUsage(device)).toEqual(before);

    await tune(device, asking(...requests), quick());
    expect(progress).toHaveLength(3);
  });

  it('stops between the samples of an operation', async () => {
    const request = sumRequest('sum', [{ family: 'subgroup', cost: 10 }, naive]);
    const controller = new AbortController();
    const before = bufferUsage(device);
    const submit = vi.spyOn(device.queue, 'submit');
    submit.mockImplementation((buffers) => {
      submit.mockRestore();
      controller.abort(new Error('enough'));
      device.queue.submit(buffers);
    });
    const tuning = tune(device, asking(request), { ...quick(), signal: controller.signal });
    await expect(tuning).rejects.toThrow('enough');
    expect(bufferUsage(device)).toEqual(before);
    expect(await store.load(tuningScope(device))).toEqual(new Map());
  });

  it.each(['candidates', 'largestBody', 'seconds'])('refuses %s of 0', async (parameter) => {
    const tuning = tune(device, () => {}, { [parameter]: 0 });
    await expect(tuning).rejects.toThrow(ShapeError);
    await expect(tuning).rejects.toMatchObject({ operation: 'tune', parameter });
  });

  it('says that the device was lost', async () => {
    const opened = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
    const requests = ['a', 'b'].map((key) => sumRequest(key, [{ family: 'subgroup', cost: 10 }, naive]));
    const tuning = tune(opened.device, asking(...requests), { ...quick(), onProgress: () => opened.device.destroy() });
    await expect(tuning).rejects.toThrow(DeviceLostError);
    opened.close();
    await expect(tune(opened.device, asking(...requests), quick())).rejects.toThrow(DeviceLostError);
  });
});

describe('a convolution', () => {
  const shape: CompleteConvolution = {
    batch: 2,
    inHeight: 6,
    inWidth: 6,
    inChannels: 16,
    outChannels: 16,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 1,
  };

  it('is tuned with the product inside its Winograd forms, and gives what it gave', async () => {
    const plan = (traits: DeviceTraits) => planConvolution(shape, { adjust: 'output', constantFilter: true }, traits);
    const choose = await tune(device, plan, { ...quick(), largestBody: 300 });
    const operations = progress.map(({ operation }) => operation);
    expect(operations.at(-1)).toBe('icConv2d');
    // Both tiles take part where their dispatches are not expected to take most of the time, as they do for so small an image.
    const products = operations.slice(0, -1);
    expect(new Set(products)).toEqual(new Set(['winogradProduct']));
    const { candidates } = progress.at(-1)!.result;
    expect(candidates.filter(({ form }) => form.family === 'winograd')).toHaveLength(products.length);
    for (const { result } of progress) {
      for (const { form, fault } of result.candidates) expect([form, fault]).toEqual([form, undefined]);
    }

    const inputs = {
      input: randomArray(2 * 6 * 6 * 16, 1),
      filter: randomArray(9 * 16 * 16, 2),
      adjust: randomArray(16, 3),
    };
    const naiveTraits = deviceTraits(device, ({ forms }) => forms.find(({ family }) => family === 'naive')!);
    const expected = (await runPlan(device, plan(naiveTraits), inputs)).floats('output');
    const tuned = (await runPlan(device, plan(deviceTraits(device, choose)), inputs)).floats('output');
    expectClose(tuned, expected, 1e-4, 'tuned convolution');
  });

  it('that notes statistics is held to the naive form by its output alone: every form has blocks of its own', async () => {
    const planner = (traits: DeviceTraits) => planConvolution(shape, { statistics: true }, traits);
    await tune(device, planner, { ...quick(), largestBody: 120 });
    const own = progress.find(({ operation }) => operation === 'conv2d')!;
    expect(own.result.candidates.length).toBeGreaterThan(1);
    expect(own.result.candidates.map(({ fault }) => fault)).toEqual(own.result.candidates.map(() => undefined));
  });

  it('takes imported choices', async () => {
    let asked: FormRequest | undefined;
    const plan = (traits: DeviceTraits) => {
      const choose: ChooseForm = (request) => {
        asked ??= request;
        return traits.choose!(request);
      };
      return planConvolution(shape, {}, { ...traits, choose });
    };
    await tune(device, plan, { ...quick(), candidates: 2, largestBody: 100 });
    const imported = memoryTuningStore();
    await importTuning(imported, await exportTuning(device, store));
    const { form } = progress.at(-1)!.result;
    expect((await rememberedChoice(device, imported))(asked!)).toMatchObject({ family: form.family, tile: form.tile });
  });
});
