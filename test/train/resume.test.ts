import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Layer } from '../../src/graph/network.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { adamW, sgd, smallNetwork, trainInPieces } from './smallTraining.js';

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

  it('does so with offsets and a fully connected unit, which learn', async () => {
    const layers = smallNetwork.layers.map((layer): Layer => {
      if (layer.kind === 'convolution') return { ...layer, offset: true };
      return layer.kind === 'dense' ? { ...layer, adjust: 'output', offset: true } : layer;
    });
    const network = { ...smallNetwork, layers };
    const changes = { steps, augmentation, schedule };
    const whole = await trainInPieces(device, changes, [], network);
    const resumed = await trainInPieces(device, changes, [5], network);
    expect(resumed.bits).toEqual(whole.bits);
    expect(resumed.file).toEqual(whole.file);
    for (const name of ['conv1.offset', 'conv2.offset', 'fc.offset', 'fc.adjust']) {
      expect(
        whole.bits.get(`${name}`)!.some((bits) => bits !== 0),
        name,
      ).toBe(true);
    }
    const decoded = decodeCheckpoint(whole.file);
    expect(decoded.network).toEqual(network);
    expect(new Uint32Array(decoded.values.get('fc.offset')!.slice().buffer)).toEqual(whole.bits.get('fc.offset'));
  });

  it('differs for another seed, so that the comparison means something', async () => {
    const changes = { steps: 3, augmentation };
    const one = await trainInPieces(device, changes, []);
    const other = await trainInPieces(device, { ...changes, seed: 8 }, []);
    expect(other.losses).not.toEqual(one.losses);
  });
});
