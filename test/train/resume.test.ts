import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../../src/train/checkpoint.js';
import { createTrainer, type TrainerOptions } from '../../src/train/trainer.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { adamW, disposeAll, freshTrainer, reportsOf, sgd, smallOptions, snapshot } from './smallTraining.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const steps = 14;
const augmentation = { padding: 1, flip: true };
const schedule = { kind: 'cosine', warmUp: 2 } as const;

/** Losses, checkpoint and bits of a training that is stopped behind these steps and restored from a file each time. */
async function train(changes: Partial<TrainerOptions>, stops: readonly number[]) {
  let trainer = await freshTrainer(device, changes);
  const losses: number[] = [];
  for (const stop of stops) {
    losses.push(...(await reportsOf(trainer, { steps: stop - trainer.step })).map(({ loss }) => loss));
    const file = await encodeCheckpoint(trainer.state, { trainer });
    disposeAll(trainer);
    const checkpoint = decodeCheckpoint(file);
    trainer = await createTrainer(restoreState(device, checkpoint), smallOptions(changes));
    restoreTrainer(trainer, checkpoint);
    expect(trainer.step).toBe(stop);
  }
  losses.push(...(await reportsOf(trainer)).map(({ loss }) => loss));
  const bits = await snapshot(trainer);
  const file = await encodeCheckpoint(trainer.state, { trainer });
  disposeAll(trainer);
  return { losses, bits, file };
}

describe('a training that is resumed', () => {
  it.each([
    ['SGD', sgd],
    ['AdamW', { ...adamW, clipNorm: 1 }],
  ] as const)('ends bit for bit as one that was never stopped, with %s', async (_, optimiser) => {
    const seeds = fc.integer({ min: -(2 ** 31), max: 2 ** 31 });
    const places = fc.uniqueArray(fc.integer({ min: 0, max: steps }), { minLength: 1, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(seeds, places, async (seed, stops) => {
        const changes = { steps, seed, optimiser, augmentation, schedule };
        const whole = await train(changes, []);
        const resumed = await train(
          changes,
          stops.sort((a, b) => a - b),
        );
        expect(whole.losses).toHaveLength(steps);
        expect(resumed.losses).toEqual(whole.losses);
        expect(resumed.bits).toEqual(whole.bits);
        expect(resumed.file).toEqual(whole.file);
      }),
      { numRuns: 4 },
    );
  });

  it('differs for another seed, so that the comparison means something', async () => {
    const changes = { steps: 3, augmentation };
    const one = await train(changes, []);
    const other = await train({ ...changes, seed: 8 }, []);
    expect(other.losses).not.toEqual(one.losses);
  });
});
