import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { bufferUsage, readBuffer } from '../../src/device/buffers.js';
import { openDevice } from '../../src/device/node.js';
import { DeviceLostError, NumericError, ShapeError } from '../../src/errors.js';
import { readState } from '../../src/graph/state.js';
import type { Schedule } from '../../src/train/schedule.js';
import { createTrainer, type StepReport, type TrainerOptions } from '../../src/train/trainer.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { expectClose } from '../support/tolerance.js';
import {
  adamW,
  disposeAll,
  freshState,
  freshTrainer,
  reportsOf,
  sgd,
  smallNetwork,
  smallOptions,
  snapshot,
  stripes,
} from './smallTraining.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterEach(() => vi.restoreAllMocks());
afterAll(closeTestDevice);

const count = (length: number): number[] => Array.from({ length }, (_, step) => step);
const meanLoss = (reports: readonly StepReport[]): number =>
  reports.reduce((sum, { loss }) => sum + loss, 0) / reports.length;

describe('a training', () => {
  it.each([
    ['SGD with clipping and smoothing', { optimiser: { ...sgd, clipNorm: 1 }, labelSmoothing: 0.05 }],
    ['AdamW with augmentation', { optimiser: adamW, augmentation: { padding: 1, flip: true } }],
  ] as [string, Partial<TrainerOptions>][])('with %s learns', async (_, changes) => {
    const trainer = await freshTrainer(device, { steps: 60, batch: 8, ...changes });
    const reports = await reportsOf(trainer);
    expect(reports[0]!.loss).toBeGreaterThan(0.8);
    expect(meanLoss(reports.slice(-6))).toBeLessThan(0.6 * meanLoss(reports.slice(0, 3)));
    const right = reports.slice(-6).reduce((sum, { accuracy }) => sum + accuracy, 0) / 6;
    expect(right).toBeGreaterThan(0.75);
    for (const { accuracy } of reports) expect([0, 1, 2, 3, 4, 5, 6, 7, 8]).toContain(accuracy * 8);
    disposeAll(trainer);
  });

  it('clips the gradients to the norm that is asked for', async () => {
    const trainer = await freshTrainer(device, { optimiser: { ...sgd, clipNorm: 0.01 }, steps: 1 });
    await trainer.run();
    const [factor, norm] = new Float32Array(await readBuffer(device, trainer.optimiser.clipping!));
    expect(norm).toBeGreaterThan(0.01);
    expect(factor! * norm!).toBeCloseTo(0.01, 5);
    disposeAll(trainer);
  });

  it('computes activations again to the same bits', async () => {
    const [kept, again] = [await freshTrainer(device), await freshTrainer(device, { recompute: true })];
    const losses = (await reportsOf(kept)).map(({ loss }) => loss);
    expect((await reportsOf(again)).map(({ loss }) => loss)).toEqual(losses);
    expect(await snapshot(again)).toEqual(await snapshot(kept));
    disposeAll(kept);
    disposeAll(again);
  });

  it.each([
    { microBatch: 1, taught: false },
    { microBatch: 2, taught: true },
    { microBatch: 3, taught: false },
  ])('adds up the gradients of micro-batches to those of the batch: %o', async ({ microBatch, taught }) => {
    // Without a batch norm, whose statistics are those of the micro-batch.
    const layers = smallNetwork.layers
      .filter(({ kind }) => kind !== 'batchNorm')
      .map((layer) => (layer.name === 'relu1' ? { ...layer, inputs: ['conv1'] } : layer));
    const network = { ...smallNetwork, layers };
    const teacher = freshState(device, { ...network, name: 'teacher' });
    const distillation = { teacher, loss: 'kl', weight: 2, schedule: { kind: 'linear' }, end: 3 } as const;
    const train = async (changes: Partial<TrainerOptions>) => {
      const trainer = await createTrainer(
        freshState(device, network),
        smallOptions({ batch: 6, steps: 5, ...changes }),
      );
      const reports = await reportsOf(trainer);
      const values = await readState(trainer.state);
      disposeAll(trainer);
      return { reports, values };
    };
    const whole = await train(taught ? { distillation } : {});
    const parts = await train({ microBatch, ...(taught && { distillation }) });
    parts.reports.forEach(({ loss, accuracy }, step) => {
      expect(loss).toBeCloseTo(whole.reports[step]!.loss, 4);
      expect(accuracy).toBeCloseTo(whole.reports[step]!.accuracy, 6);
    });
    for (const [name, values] of whole.values) {
      expectClose(parts.values.get(name)!, Float64Array.from(values), 2e-5, name);
    }
    teacher.dispose();
  });

  it.each([0, 4, 2.5, 12])('refuses micro-batches of %d in a batch of 6', async (microBatch) => {
    const before = bufferUsage(device);
    const state = freshState(device);
    const creating = createTrainer(state, smallOptions({ batch: 6, microBatch }));
    await expect(creating).rejects.toThrow(ShapeError);
    await expect(creating).rejects.toMatchObject({ parameter: 'microBatch', expected: 'a divisor of the batch of 6' });
    state.dispose();
    expect(bufferUsage(device)).toEqual(before);
  });

  it.each([1, 3, 10, 32])('reports every step once, in order, %i at a time', async (reportEvery) => {
    const schedule: Schedule = { kind: 'step', milestones: [5], factor: 0.5 };
    const trainer = await freshTrainer(device, { schedule });
    const reports: StepReport[] = [];
    const onStep = (report: StepReport): unknown => reports.push(report);
    await trainer.run({ steps: 11, reportEvery, onStep });
    expect(trainer.step).toBe(11);
    expect(reports.map(({ step }) => step)).toEqual(count(11));
    await trainer.run({ reportEvery, onStep });
    expect(trainer.step).toBe(20);
    expect(reports.map(({ step }) => step)).toEqual(count(20));
    expect(reports.map(({ learningRate }) => learningRate)).toEqual(count(20).map((step) => (step < 5 ? 0.1 : 0.05)));
    await trainer.run({ onStep });
    expect(reports).toHaveLength(20);
    disposeAll(trainer);
  });

  it('reports the same losses however it is run', async () => {
    const whole = await freshTrainer(device, { steps: 12 });
    const losses = (await reportsOf(whole)).map(({ loss }) => loss);
    const parts = await freshTrainer(device, { steps: 12 });
    const reports = [...(await reportsOf(parts, { steps: 1 })), ...(await reportsOf(parts, { steps: 100 }))];
    expect(reports.map(({ loss }) => loss)).toEqual(losses);
    expect(await snapshot(parts)).toEqual(await snapshot(whole));
    disposeAll(whole);
    disposeAll(parts);
  });

  it('keeps two steps in flight and no more', async () => {
    const trainer = await freshTrainer(device);
    const { queue } = device;
    const workDone = queue.onSubmittedWorkDone.bind(queue);
    let inFlight = 0;
    const seen: number[] = [];
    vi.spyOn(device, 'queue', 'get').mockReturnValue(
      new Proxy(queue, {
        get(target, name) {
          if (name === 'onSubmittedWorkDone') {
            return () => {
              seen.push(++inFlight);
              return workDone().finally(() => inFlight--);
            };
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
    );
    await trainer.run();
    expect(seen).toHaveLength(20);
    expect(Math.max(...seen)).toBe(2);
    disposeAll(trainer);
  });

  it('stops behind the step in work when aborted, and goes on later', async () => {
    const trainer = await freshTrainer(device);
    const controller = new AbortController();
    const reports: StepReport[] = [];
    const onStep = (report: StepReport): void => {
      reports.push(report);
      if (report.step === 2) controller.abort();
    };
    await trainer.run({ signal: controller.signal, reportEvery: 1, onStep });
    const stopped = trainer.step;
    expect(stopped).toBeGreaterThanOrEqual(3);
    expect(stopped).toBeLessThanOrEqual(7);
    expect(reports.map(({ step }) => step)).toEqual(count(stopped));

    await trainer.run({ signal: controller.signal, onStep });
    expect(trainer.step).toBe(stopped);
    await trainer.run({ onStep });
    expect(reports.map(({ step }) => step)).toEqual(count(20));
    disposeAll(trainer);
  });

  it('passes on what its listener throws', async () => {
    const trainer = await freshTrainer(device);
    const fault = new Error('no more');
    const onStep = (): never => {
      throw fault;
    };
    await expect(trainer.run({ onStep, reportEvery: 2 })).rejects.toBe(fault);
    disposeAll(trainer);
  });

  it('needs no more memory after 20 steps than after 5, and gives all of it back', async () => {
    const before = bufferUsage(device);
    const trainer = await freshTrainer(device, { optimiser: { ...adamW, clipNorm: 1 } });
    await trainer.run({ steps: 5 });
    const early = bufferUsage(device);
    expect(early.bytes).toBeGreaterThan(before.bytes);
    await trainer.run({ steps: 15, reportEvery: 3 });
    expect(bufferUsage(device)).toEqual(early);
    disposeAll(trainer);
    expect(bufferUsage(device)).toEqual(before);
  });
});

describe('a loss that is not finite', () => {
  it.each([
    ['SGD', sgd],
    ['AdamW', adamW],
  ] as const)('names its step and leaves the parameters as they were ahead of it, with %s', async (_, optimiser) => {
    // The rate of step 4 is absurd, so step 5 is the first with an absurd loss.
    const schedule: Schedule = { kind: 'step', milestones: [4], factor: 1e36 };
    const stopped = await freshTrainer(device, { optimiser, schedule });
    await stopped.run({ steps: 5 });
    const trainer = await freshTrainer(device, { optimiser, schedule });
    const reports: StepReport[] = [];
    const onStep = (report: StepReport): unknown => reports.push(report);
    const error = await trainer.run({ onStep, reportEvery: 4 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NumericError);
    expect(error).toMatchObject({ operation: 'train', parameter: 'loss of step 5' });
    expect(reports.map(({ step }) => step)).toEqual(count(5));

    const names = trainer.state.layout.trained.flatMap(({ name }) => [
      name,
      ...[...trainer.optimiser.moments.keys()].map((moment) => `${moment} of ${name}`),
    ]);
    const [left, expected] = [await snapshot(trainer), await snapshot(stopped)];
    for (const name of names) expect(left.get(name), name).toEqual(expected.get(name));

    const again = await trainer.run({ onStep }).catch((reason: unknown) => reason);
    expect(again).toMatchObject({ name: 'NumericError', parameter: 'loss of step 5' });
    expect(reports).toHaveLength(5);
    disposeAll(trainer);
    disposeAll(stopped);
  });

  it('is found in the first step where the images overflow', async () => {
    const trainer = await freshTrainer(device, { normalisation: { mean: [0.5], deviation: [1e-40] }, steps: 3 });
    const before = await snapshot(trainer);
    await expect(reportsOf(trainer)).rejects.toThrow(/^train: loss of step 0: .* got NaN$/);
    const after = await snapshot(trainer);
    for (const { name } of trainer.state.layout.trained) expect(after.get(name), name).toEqual(before.get(name));
    disposeAll(trainer);
  });
});

describe('a lost device', () => {
  it('ends a training, and is refused for another one', async () => {
    const opened = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
    const trainer = await freshTrainer(opened.device);
    const run = trainer.run({ reportEvery: 1, onStep: ({ step }) => step === 2 && opened.device.destroy() });
    await expect(run).rejects.toThrow(DeviceLostError);
    await expect(trainer.run()).rejects.toThrow(DeviceLostError);
    await expect(createTrainer(trainer.state, smallOptions())).rejects.toThrow(DeviceLostError);
    disposeAll(trainer);
    expect(bufferUsage(opened.device)).toEqual({ count: 0, bytes: 0 });
    opened.close();
  });
});

describe('a trainer', () => {
  it.each([
    ['a batch larger than the data set', 'batch', { batch: 25 }],
    ['images of another size', 'stripes', { dataset: stripes(24, { height: 9 }) }],
    ['images of other channels', 'stripes', { dataset: stripes(24, { channels: 3 }) }],
    ['more classes than the network has', 'stripes', { dataset: stripes(24, { classes: 4 }) }],
    ['no steps', 'steps', { steps: 0 }],
    ['half a step', 'steps', { steps: 1.5 }],
    ['a seed that is no integer', 'seed', { seed: 0.5 }],
    ['a schedule that means nothing', 'warmUp', { schedule: { kind: 'constant', warmUp: -1 } }],
    ['smoothing beyond 1', 'labelSmoothing', { labelSmoothing: 1.5 }],
    ['negative padding', 'padding', { augmentation: { padding: -1 } }],
    ['a setting of the optimiser', 'momentum', { optimiser: { ...sgd, momentum: 2 } }],
    [
      'a setting of a group',
      'groups[0].weightDecay',
      { optimiser: { ...sgd, groups: [{ parameters: () => true, weightDecay: -1 }] } },
    ],
  ] as [
    string,
    string,
    Partial<TrainerOptions>,
  ][])('refuses %s and leaves no buffers behind', async (_, parameter, changes) => {
    const state = freshState(device);
    const before = bufferUsage(device);
    const error = await createTrainer(state, smallOptions(changes)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ShapeError);
    expect((error as ShapeError).parameter).toContain(parameter);
    expect(bufferUsage(device)).toEqual(before);
    state.dispose();
  });

  it.each([0, 33, 1.5])('refuses to report every %f steps', async (reportEvery) => {
    const trainer = await freshTrainer(device);
    await expect(trainer.run({ reportEvery })).rejects.toThrow(/^train: reportEvery: /);
    expect(trainer.step).toBe(0);
    disposeAll(trainer);
  });

  it('is not made where compiling is aborted', async () => {
    const state = freshState(device);
    const before = bufferUsage(device);
    const signal = AbortSignal.abort(new Error('changed my mind'));
    await expect(createTrainer(state, smallOptions({ signal }))).rejects.toThrow('changed my mind');
    expect(bufferUsage(device)).toEqual(before);
    state.dispose();
  });
});
