import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { openDevice } from '../../src/device/node.js';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import type { Network } from '../../src/graph/network.js';
import { createState, type NetworkState, readState, writeState } from '../../src/graph/state.js';
import { initialParameters } from '../../src/models/initialise.js';
import { decodeCheckpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../../src/train/checkpoint.js';
import { type DistillationOptions, distillationWeightAt } from '../../src/train/distillation.js';
import { createTrainer } from '../../src/train/trainer.js';
import { convolution, pool } from '../models/layers.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { disposeAll, freshState, reportsOf, sgd, smallOptions, snapshot } from './smallTraining.js';

/** A plain network for the same images and classes as the student's. */
const teacherNetwork: Network = {
  name: 'teacher',
  input: { height: 8, width: 8, channels: 1 },
  layers: [
    convolution({ name: 'conv', stride: [2, 2] }),
    { kind: 'batchNorm', name: 'norm', inputs: ['conv'], epsilon: 1e-5, momentum: 0.1 },
    { kind: 'relu', name: 'relu', inputs: ['norm'] },
    pool({ kind: 'meanPool', name: 'mean', inputs: ['relu'], kernel: 'global', stride: [1, 1] }),
    { kind: 'dense', name: 'fc', inputs: ['mean'], outFeatures: 3, bias: true },
  ],
};

let device: GPUDevice;
let teacher: NetworkState;
beforeAll(async () => {
  ({ device } = await testDevice());
  teacher = freshState(device, teacherNetwork);
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  teacher.dispose();
  await closeTestDevice();
});

const led = (changes: Partial<DistillationOptions> = {}): DistillationOptions => ({
  teacher,
  loss: 'kl',
  temperature: 2,
  weight: 0.8,
  schedule: { kind: 'linear' },
  end: 9,
  ...changes,
});

const distilled = (changes: Partial<DistillationOptions> = {}, more: Parameters<typeof smallOptions>[0] = {}) =>
  createTrainer(freshState(device), smallOptions({ steps: 14, distillation: led(changes), ...more }));

describe('the weight of a distillation', () => {
  const at = (schedule: DistillationOptions['schedule'], steps: readonly number[]) =>
    steps.map((step) => distillationWeightAt({ weight: 2, schedule, end: 10 }, step));

  it('falls as its schedule says, and is 0 from its end on', () => {
    expect(at({ kind: 'constant' }, [0, 5, 9, 10, 99])).toEqual([2, 2, 2, 0, 0]);
    expect(at({ kind: 'linear' }, [0, 5, 10, 11])).toEqual([2, 1, 0, 0]);
    expect(at({ kind: 'linear' }, [9])[0]).toBeCloseTo(0.2, 12);
    const cosine = at({ kind: 'cosine' }, [0, 5, 9, 10]);
    expect(cosine[0]).toBe(2);
    expect(cosine[1]).toBeCloseTo(1, 12);
    expect(cosine[2]).toBeCloseTo(1 + Math.cos(0.9 * Math.PI), 12);
    expect(cosine[3]).toBe(0);
    expect(at({ kind: 'step', milestones: [3, 6], factor: 0.5 }, [0, 2, 3, 6, 9, 10])).toEqual([2, 2, 1, 0.5, 0.5, 0]);
  });
});

describe('a training with a teacher', () => {
  it('reports the parts of its loss while the teacher has a weight, and none later', async () => {
    const trainer = await distilled();
    const plain = await createTrainer(freshState(device), smallOptions({ steps: 14 }));
    const [reports, alone] = [await reportsOf(trainer), await reportsOf(plain)];
    for (const { step, loss, distillation } of reports) {
      expect(distillation !== undefined).toBe(step < 9);
      if (!distillation) continue;
      const { crossEntropy, distance, weight } = distillation;
      expect(weight).toBe(distillationWeightAt(led(), step));
      expect(distance).toBeGreaterThan(0);
      expect(loss).toBeCloseTo(crossEntropy + weight * distance, 12);
    }
    expect(reports[0]!.distillation!.crossEntropy).toBe(alone[0]!.loss);
    expect(reports[3]!.distillation!.crossEntropy).not.toBe(alone[3]!.loss);
    disposeAll(trainer);
    disposeAll(plain);
  });

  it.each(['mse', 'kl'] as const)('comes near its logits by %s, and leaves the teacher as it was', async (loss) => {
    const before = await readState(teacher);
    const temperature = loss === 'kl' ? { temperature: 2 } : { temperature: undefined };
    const constant = { loss, ...temperature, weight: 20, schedule: { kind: 'constant' }, end: 40 };
    const trainer = await distilled(constant as Partial<DistillationOptions>, {
      steps: 40,
      optimiser: { ...sgd, learningRate: 0.02 },
    });
    const distances = (await reportsOf(trainer)).map(({ distillation }) => distillation!.distance);
    const mean = (all: readonly number[]) => all.reduce((sum, value) => sum + value, 0) / all.length;
    expect(mean(distances.slice(-5))).toBeLessThan(0.5 * mean(distances.slice(0, 5)));
    expect(await readState(teacher)).toEqual(before);
    disposeAll(trainer);
  });

  it('runs the teacher in the same submit, and not at all once its weight is 0', async () => {
    const trainer = await distilled({ end: 3 }, { steps: 5 });
    const counts = await dispatchesOfSubmits(() => trainer.run());
    const { dispatches: alone, distillationDispatches: added } = trainer;
    expect(added).toBeGreaterThan(3);
    // The first step also makes the teacher's batch norm into a scale and a shift.
    expect(counts[0]).toBeGreaterThanOrEqual(alone + added);
    expect(counts.slice(1)).toEqual([alone + added, alone + added, alone, alone]);
    disposeAll(trainer);
  });

  it('gives the same bits with the teacher remembered, which then runs once an example', async () => {
    const whole = await distilled({ end: 14 });
    const cached = await distilled({ end: 14, cache: true });
    const losses = (await reportsOf(whole)).map(({ loss }) => loss);
    const again: number[] = [];
    const counts = await dispatchesOfSubmits(() => cached.run({ onStep: ({ loss }) => again.push(loss) }));
    expect(again).toEqual(losses);
    expect(await snapshot(cached)).toEqual(await snapshot(whole));
    const { dispatches: alone, distillationDispatches: added } = cached;
    // Six steps are an epoch of 24 examples; behind it the loss and one dispatch that loads are all that is added.
    expect(counts.slice(1, 6)).toEqual(Array(5).fill(alone + added));
    expect(counts.slice(6)).toEqual(Array(8).fill(alone + 2));
    disposeAll(whole);
    disposeAll(cached);
  });

  it('forgets what it remembers of a teacher whose state changes', async () => {
    const changed = initialParameters(teacherNetwork, 77);
    const losses = async (cache: boolean): Promise<number[]> => {
      const own = freshState(device, teacherNetwork);
      const trainer = await distilled({ teacher: own, end: 14, cache });
      const reports = await reportsOf(trainer, { steps: 7 });
      writeState(own, changed);
      reports.push(...(await reportsOf(trainer)));
      disposeAll(trainer);
      own.dispose();
      return reports.map(({ loss }) => loss);
    };
    expect(await losses(true)).toEqual(await losses(false));
  });

  it.each([
    ['the teacher', {}],
    ['its logits remembered', { cache: true, end: 12 }],
  ])('ends bit for bit as one that was never stopped, with %s', async (_, changes) => {
    const whole = await distilled(changes);
    const losses = (await reportsOf(whole)).map(({ loss }) => loss);
    const first = await distilled(changes);
    const reports = await reportsOf(first, { steps: 5 });
    const checkpoint = decodeCheckpoint(await encodeCheckpoint(first.state, { trainer: first }));
    expect(checkpoint.training).toMatchObject({ step: 5, distillation: 'kl' });
    disposeAll(first);
    const options = smallOptions({ steps: 14, distillation: led(changes) });
    const second = await createTrainer(restoreState(device, checkpoint), options);
    restoreTrainer(second, checkpoint);
    reports.push(...(await reportsOf(second)));
    expect(reports.map(({ loss }) => loss)).toEqual(losses);
    expect(await snapshot(second)).toEqual(await snapshot(whole));
    const alone = await createTrainer(restoreState(device, checkpoint), smallOptions({ steps: 14 }));
    expect(() => restoreTrainer(alone, checkpoint)).toThrow(/training\.distillation: expected none, .* got kl$/);
    for (const trainer of [whole, second, alone]) disposeAll(trainer);
  });

  it('gives all memory back', async () => {
    const before = bufferUsage(device);
    const trainer = await distilled({ cache: true });
    await trainer.run({ steps: 2 });
    const early = bufferUsage(device);
    await trainer.run();
    expect(bufferUsage(device)).toEqual(early);
    disposeAll(trainer);
    expect(bufferUsage(device)).toEqual(before);
  });
});

describe('a teacher', () => {
  const refused = async (student: NetworkState, options: Parameters<typeof smallOptions>[0]) => {
    const before = bufferUsage(device);
    const error: unknown = await createTrainer(student, smallOptions(options)).catch((reason: unknown) => reason);
    expect(bufferUsage(device)).toEqual(before);
    student.dispose();
    return error;
  };

  it.each([
    ['a weight of 0', 'weight', { weight: 0 }],
    ['an infinite weight', 'weight', { weight: Infinity }],
    ['no end', 'end', { end: 0 }],
    ['half a step', 'end', { end: 2.5 }],
    ['a schedule of another name', 'schedule', { schedule: { kind: 'cubic' } }],
    ['a factor of 0', 'factor', { schedule: { kind: 'step', milestones: [1], factor: 0 } }],
    ['half a milestone', 'milestones', { schedule: { kind: 'step', milestones: [0.5], factor: 0.1 } }],
    ['a temperature of 0', 'temperature', { temperature: 0 }],
    ['another loss', 'loss', { loss: 'l1' }],
  ])('with %s is refused, and no buffers are left', async (_, parameter, changes) => {
    const error = await refused(freshState(device), {
      distillation: led(changes as Partial<DistillationOptions>),
    });
    expect(error).toBeInstanceOf(ShapeError);
    expect(error).toMatchObject({ parameter });
  });

  it('of other images or classes is refused', async () => {
    for (const [changes, words] of [
      [{ input: { height: 9, width: 8, channels: 1 } }, '9 x 8 x 1 and 3 classes'],
      [
        {
          layers: teacherNetwork.layers.map((layer) => (layer.kind === 'dense' ? { ...layer, outFeatures: 4 } : layer)),
        },
        '8 x 8 x 1 and 4 classes',
      ],
    ] as const) {
      const other = { ...teacherNetwork, ...changes };
      const state = createState(device, other);
      writeState(state, initialParameters(other, 1));
      const error = await refused(freshState(device), { distillation: led({ teacher: state }) });
      expect(error).toMatchObject({ name: 'ShapeError', parameter: 'teacher', got: `images of ${words}` });
      state.dispose();
    }
  });

  it('that is the student itself, or lies on another device, is refused', async () => {
    const student = freshState(device);
    const error = await refused(student, { distillation: led({ teacher: student }) });
    expect(error).toMatchObject({ name: 'ShapeError', parameter: 'teacher' });
    const opened = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
    const far = freshState(opened.device, teacherNetwork);
    const other = await refused(freshState(device), { distillation: led({ teacher: far }) });
    expect(other).toMatchObject({ name: 'ShapeError', parameter: 'teacher', got: 'one on another device' });
    far.dispose();
    opened.close();
  });

  it('is not remembered where images are augmented', async () => {
    for (const augmentation of [{ padding: 1 }, { flip: true }]) {
      const error = await refused(freshState(device), { augmentation, distillation: led({ cache: true }) });
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error).toMatchObject({ parameter: 'cache' });
    }
  });
});

/** Dispatches of every submit that has any, in order. */
async function dispatchesOfSubmits(work: () => Promise<void>): Promise<number[]> {
  const dispatch = vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups');
  const counts: number[] = [];
  const { queue } = device;
  vi.spyOn(device, 'queue', 'get').mockReturnValue(
    new Proxy(queue, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (name === 'submit' && dispatch.mock.calls.length > 0) {
            counts.push(dispatch.mock.calls.length);
            dispatch.mockClear();
          }
          return value.apply(target, args);
        };
      },
    }),
  );
  await work();
  vi.restoreAllMocks();
  return counts;
}
