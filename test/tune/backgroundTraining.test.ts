import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import type { ChooseForm, Form } from '../../src/ops/forms.js';
import { softwareMachine } from '../../src/ops/machineTable.js';
import { decodeCheckpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../../src/train/checkpoint.js';
import { compileEvaluation } from '../../src/train/evaluation.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../../src/train/trainer.js';
import { backgroundTuner } from '../../src/tune/background.js';
import { sameForm, tuningScope } from '../../src/tune/record.js';
import { memoryTuningStore, type TuningStore } from '../../src/tune/store.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { disposeAll, freshTrainer, smallOptions, snapshot } from '../train/smallTraining.js';
import { clock } from './favouringStopwatch.js';

vi.mock('../../src/measure/stopwatch.js', async (load) => {
  const { favouring } = await import('./favouringStopwatch.js');
  return favouring(await load<typeof import('../../src/measure/stopwatch.js')>());
});
let device: GPUDevice;
let store: TuningStore;
beforeAll(async () => {
  ({ device } = await testDevice());
});
beforeEach(async () => {
  store = memoryTuningStore();
  await store.addMachine(tuningScope(device), softwareMachine);
});
afterAll(closeTestDevice);

/** Picks forms that are given by key, as they are in use. */
const asIn =
  (forms: ReadonlyMap<string, Form>): ChooseForm =>
  (request) => {
    const { shared = false, ...wanted } = forms.get(request.key)!;
    return { ...request.forms.find((form) => sameForm(form, wanted))!, shared };
  };

const quick = () => ({ store, seconds: 0.01, candidates: 2, largestBody: 120, share: 1 });

describe('a training with a background tuner', () => {
  it.each([1, 2])('leaves it time, and goes on bit for bit with the forms in use, %d parts a step', async (parts) => {
    const usage = bufferUsage(device);
    const changes: Partial<TrainerOptions> = { steps: 100_000, microBatch: smallOptions({}).batch / parts };
    const parted: { step: number; forms: ReadonlyMap<string, Form> }[] = [];
    let trained: Trainer | undefined;
    const tuner = await backgroundTuner(device, {
      ...quick(),
      // Before there is a trainer, there are no steps.
      onSwap: () => trained && parted.push({ step: trained.step, forms: trained.forms }),
    });
    const trainer = await freshTrainer(device, { ...changes, tune: tuner });
    trained = trainer;
    parted.push({ step: 0, forms: trainer.forms });
    const enough = new AbortController();
    const settling = tuner.settled().finally(() => enough.abort());
    await trainer.run({ signal: enough.signal });
    await settling;
    await trainer.run({ steps: 2 });
    const end = trainer.step;
    const bits = await snapshot(trainer);
    disposeAll(trainer);
    expect(new Set(parted.map(({ step }) => step)).size).toBeGreaterThan(2);

    // The same steps in trainings that never change their forms, each of which goes on from the checkpoint of the one before.
    let replayed: Trainer | undefined;
    for (const [index, { step, forms }] of parted.entries()) {
      const until = parted[index + 1]?.step ?? end;
      if (until === step) continue;
      const fixed = { ...changes, choose: asIn(forms) };
      if (!replayed) replayed = await freshTrainer(device, fixed);
      else {
        const checkpoint = decodeCheckpoint(await encodeCheckpoint(replayed.state, { trainer: replayed }));
        disposeAll(replayed);
        replayed = await createTrainer(restoreState(device, checkpoint), smallOptions(fixed));
        restoreTrainer(replayed, checkpoint);
      }
      expect(replayed.step).toBe(step);
      await replayed.run({ steps: until - step });
    }
    expect(await snapshot(replayed!)).toEqual(bits);
    disposeAll(replayed!);
    expect(bufferUsage(device)).toEqual(usage);
  });

  it('leaves evaluations time for it, too', async () => {
    const trainer = await freshTrainer(device, {});
    const { dataset, normalisation } = smallOptions({});
    const tuner = await backgroundTuner(device, quick());
    const evaluation = await compileEvaluation(trainer.state, { batch: 4, tune: tuner });
    let settled = false;
    const settling = tuner.settled().finally(() => {
      settled = true;
    });
    const before = await evaluation.run(dataset, normalisation);
    while (!settled) await evaluation.run(dataset, normalisation);
    await settling;
    const after = await evaluation.run(dataset, normalisation);
    expect(after.loss).toBeCloseTo(before.loss, 4);
    expect(clock.samples).toBeGreaterThan(0);
    evaluation.dispose();
    disposeAll(trainer);
  });
});
