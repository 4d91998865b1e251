import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NumericError } from '../../src/errors.js';
import { createState, readState, writeState } from '../../src/graph/state.js';
import { decodeCheckpoint, encodeCheckpoint, encodeNetwork, restoreTrainer } from '../../src/train/checkpoint.js';
import type { ParameterGroup } from '../../src/train/parameterGroups.js';
import { createTrainer, type StepReport, type TrainerOptions } from '../../src/train/trainer.js';
import { loadWeights } from '../../src/weights/load.js';
import { encodeWeights } from '../../src/weights/save.js';
import { expectError } from '../models/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import {
  adamW,
  disposeAll,
  freshState,
  freshTrainer,
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
afterAll(closeTestDevice);

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((reason: unknown) => reason);

/** A rate that is absurd from step 4 on. */
const absurdRate = (factor: number): TrainerOptions['schedule'] => ({ kind: 'step', milestones: [4], factor });
/** Everything but the first convolution stays as it is. */
const onlyFirst: ParameterGroup[] = [{ parameters: ({ layer }) => layer !== 'conv1', learningRateFactor: 0 }];

/** Trainings with the first step that is not finite, and what of it. */
const failures: readonly (readonly [string, Partial<TrainerOptions>, number, string])[] = [
  ['a loss', { schedule: absurdRate(1e36) }, 5, 'loss of step 5'],
  ['a loss, with AdamW', { optimiser: adamW, schedule: absurdRate(1e36) }, 5, 'loss of step 5'],
  ['a loss, in micro-batches', { schedule: absurdRate(1e36), microBatch: 2 }, 5, 'loss of step 5'],
  ['an update', { schedule: absurdRate(1e40) }, 4, 'update of step 4'],
  ['an update, with AdamW', { optimiser: adamW, schedule: absurdRate(1e42) }, 4, 'update of step 4'],
  [
    'a running variance',
    { optimiser: { ...sgd, weightDecay: 0, groups: onlyFirst }, schedule: absurdRate(3e19) },
    5,
    'norm.running_var of step 5',
  ],
  [
    'a running variance, in micro-batches, with AdamW',
    { optimiser: { ...adamW, groups: onlyFirst }, schedule: absurdRate(3e20), microBatch: 1 },
    5,
    'norm.running_var of step 5',
  ],
];

describe('where a step is not finite', () => {
  it.each(failures)('for %s, everything is as it was ahead of it', async (_, changes, bad, parameter) => {
    const stopped = await freshTrainer(device, changes);
    await stopped.run({ steps: bad });
    const good = await snapshot(stopped);
    const file = await encodeCheckpoint(stopped.state, { trainer: stopped });
    disposeAll(stopped);

    const trainer = await freshTrainer(device, changes);
    const reports: StepReport[] = [];
    const early: Promise<Uint8Array>[] = [];
    const onStep = (report: StepReport): void => {
      reports.push(report);
      // The bad step and those behind it are submitted, but not known to be bad.
      early.push(encodeCheckpoint(trainer.state, { trainer }));
    };
    for (const run of [1, 2]) {
      const error = await caught(trainer.run({ onStep, reportEvery: 10 }));
      expect(error, `run ${run}`).toBeInstanceOf(NumericError);
      expect(error).toMatchObject({ operation: 'train', parameter });
      expect(trainer.step).toBe(bad);
      expect(reports).toHaveLength(bad);
      expect(await snapshot(trainer)).toEqual(good);
      expect(await encodeCheckpoint(trainer.state, { trainer })).toEqual(file);
    }
    for (const taken of await Promise.all(early)) expect(taken).toEqual(file);
    disposeAll(trainer);
  });

  it('that is so as well where something else ends the run', async () => {
    const changes = { schedule: absurdRate(1e36) };
    const stopped = await freshTrainer(device, changes);
    await stopped.run({ steps: 5 });
    const trainer = await freshTrainer(device, changes);
    const fault = new Error('no more');
    const onStep = (): never => {
      throw fault;
    };
    expect(await caught(trainer.run({ onStep, reportEvery: 10 }))).toBe(fault);
    expect(trainer.step).toBe(5);
    expect(await snapshot(trainer)).toEqual(await snapshot(stopped));
    disposeAll(trainer);
    disposeAll(stopped);
  });

  it('the trainer takes an earlier checkpoint and goes on from it', async () => {
    const dataset = { ...stripes(24), labels: stripes(24).labels.slice() };
    const trainer = await freshTrainer(device, { dataset, steps: 12 });
    await trainer.run({ steps: 3 });
    const file = await encodeCheckpoint(trainer.state, { trainer });
    const right = dataset.labels.slice();
    dataset.labels.fill(200);
    expect(await caught(trainer.run())).toMatchObject({ name: 'NumericError', parameter: 'loss of step 3' });
    expect(trainer.step).toBe(3);
    dataset.labels.set(right);
    const checkpoint = decodeCheckpoint(file);
    writeState(trainer.state, checkpoint.values);
    restoreTrainer(trainer, checkpoint);
    await trainer.run();
    const whole = await freshTrainer(device, { steps: 12 });
    await whole.run();
    expect(await snapshot(trainer)).toEqual(await snapshot(whole));
    disposeAll(trainer);
    disposeAll(whole);
  });

  it.each([
    10, 1e3, 1e5, 1e8,
  ])('a learning rate of %d leaves a state that can be saved and loaded', async (learningRate) => {
    const trainer = await freshTrainer(device, { optimiser: { ...sgd, learningRate }, steps: 100 });
    const error = await caught(trainer.run());
    if (error !== undefined) expect(error).toBeInstanceOf(NumericError);
    else expect(trainer.step).toBe(100);
    const file = await encodeCheckpoint(trainer.state, { trainer });
    expect(decodeCheckpoint(file).training!.step).toBe(trainer.step);
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for await (const piece of encodeWeights(trainer.state)) pieces.push(piece);
    const state = createState(device, smallNetwork);
    await loadWeights(state, new Blob(pieces));
    expect(await readState(state)).toEqual(await readState(trainer.state));
    state.dispose();
    disposeAll(trainer);
  });
});

describe('a file that its reader would refuse is not written', () => {
  it.each([
    ['norm.running_var', Number.NaN, 'a finite number from 0 up'],
    ['norm.running_var', -1, 'a finite number from 0 up'],
    ['norm.running_mean', Infinity, 'a finite number'],
    ['conv2.weight', Number.NEGATIVE_INFINITY, 'a finite number'],
    ['fc.bias', Number.NaN, 'a finite number'],
  ])('for %s of %d', async (name, value, expected) => {
    const state = freshState(device);
    const values = await readState(state);
    values.get(name)![2] = value;
    writeState(state, values);
    const details = { parameter: `${name}, element 2`, expected, got: `${value}` };
    const weights = async (): Promise<void> => {
      for await (const piece of encodeWeights(state)) void piece;
    };
    for (const [operation, writing] of [
      ['encodeCheckpoint', encodeCheckpoint(state)],
      ['encodeWeights', weights()],
    ] as const) {
      const error = await caught(writing);
      expect(error).toBeInstanceOf(NumericError);
      expect(error).toMatchObject({ operation, ...details });
    }
    expectError(() => encodeNetwork(smallNetwork, values), NumericError, details);
    state.dispose();
  });

  it('for what an optimiser carries', async () => {
    const trainer = await createTrainer(freshState(device), smallOptions({ steps: 2, optimiser: adamW }));
    await trainer.run();
    device.queue.writeBuffer(trainer.optimiser.moments.get('squares')!, 4, Float32Array.of(Number.NaN));
    const error = await caught(encodeCheckpoint(trainer.state, { trainer }));
    expect(error).toBeInstanceOf(NumericError);
    expect((error as NumericError).parameter).toMatch(/^optimizer\.squares\.conv1\.weight, element \d+$/);
    disposeAll(trainer);
  });
});
