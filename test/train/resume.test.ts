import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeTestDevice, testDevice } from '../support/device.js';
import { adamW, sgd, trainInPieces } from './smallTraining.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const steps = 14;
const augmentation = { padding: 1, flip: true };
const schedule = { kind: 'cosine', warmUp: 2 } as const;

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
        const whole = await trainInPieces(device, changes, []);
        const resumed = await trainInPieces(
          device,
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
    const one = await trainInPieces(device, changes, []);
    const other = await trainInPieces(device, { ...changes, seed: 8 }, []);
    expect(other.losses).not.toEqual(one.losses);
  });
});
