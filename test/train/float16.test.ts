import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage } from '../../src/device/buffers.js';
import { FormatError, NumericError, ShapeError, UnsupportedError } from '../../src/errors.js';
import { createState, writeState } from '../../src/graph/state.js';
import { initialParameters } from '../../src/models/initialise.js';
import { decodeCheckpoint, encodeCheckpoint, restoreTrainer } from '../../src/train/checkpoint.js';
import type { StepReport, Trainer, TrainerOptions } from '../../src/train/trainer.js';
import { expectError } from '../models/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import {
  adamW,
  disposeAll,
  freshTrainer,
  reportsOf,
  sgd,
  smallNetwork,
  snapshot,
  trainInPieces,
} from './smallTraining.js';

/* Trainings in float16; what a device without float16 does with each is to refuse it. */
let device: GPUDevice;
let half: boolean;
beforeAll(async () => {
  ({ device } = await testDevice());
  half = device.features.has('shader-f16');
});
afterAll(closeTestDevice);

const float16 = { precision: 'float16' } as const;
const lossScaleOf = async (trainer: Trainer) =>
  decodeCheckpoint(await encodeCheckpoint(trainer.state, { trainer })).training!.lossScale!;

/** Works with a training in float16 or, on a device that has none, sees it refused. */
async function inHalf(changes: Partial<TrainerOptions>, work: (trainer: Trainer) => Promise<void>): Promise<void> {
  const making = freshTrainer(device, { ...float16, ...changes });
  if (!half) {
    await expect(making).rejects.toThrow(UnsupportedError);
    await expect(making).rejects.toThrow('train: precision: expected float32, or a device with the feature shader-f16');
    return;
  }
  const trainer = await making;
  try {
    await work(trainer);
  } finally {
    disposeAll(trainer);
  }
}

const scales = (reports: readonly StepReport[]) => reports.map(({ lossScale }) => lossScale);
const skips = (reports: readonly StepReport[]) => reports.map(({ skipped }) => skipped);
const ofSize = (count: number, value: boolean) => Array.from({ length: count }, () => value);

describe.each([
  ['SGD', sgd],
  ['AdamW, clipped', { ...adamW, clipNorm: 1 }],
] as const)('with %s', (_, optimiser) => {
  it('losses are nearly those of float32', async () => {
    const steps = 12;
    const full = await freshTrainer(device, { optimiser, steps });
    const expected = await reportsOf(full);
    disposeAll(full);
    expect(expected[0]).not.toHaveProperty('lossScale');
    await inHalf({ optimiser, steps }, async (trainer) => {
      const reports = await reportsOf(trainer);
      expect(skips(reports)).toEqual(ofSize(steps, false));
      expect(scales(reports)).toEqual(reports.map(() => 65536));
      reports.forEach(({ loss }, step) => {
        expect(Math.abs(loss - expected[step]!.loss), `loss of step ${step}`).toBeLessThan(0.02);
      });
      expect(reports.some(({ loss }, step) => loss !== expected[step]!.loss)).toBe(true);
    });
  });

  it('a step that overflows is as if it had not been, and halves the scale', async () => {
    // The loss's gradient alone is larger than 2^24 / 4 * 0.1 at first.
    const lossScaling = { initialScale: 2 ** 24, growthInterval: 1000 };
    await inHalf({ optimiser, lossScaling, steps: 30 }, async (trainer) => {
      const before = await snapshot(trainer);
      const first = await lossScaleOf(trainer);
      let skipped = 0;
      for (let step = 0; ; step++) {
        const [report] = await reportsOf(trainer, { steps: 1 });
        expect(report).toMatchObject({ step, lossScale: 2 ** (24 - step) });
        if (!report!.skipped) break;
        skipped++;
        const after = await snapshot(trainer);
        for (const [name, bits] of before) {
          if (!name.endsWith('num_batches_tracked')) expect(after.get(name), name).toEqual(bits);
        }
        expect(await lossScaleOf(trainer)).toEqual({ ...first, scale: 2 ** (23 - step) });
      }
      expect(skipped).toBeGreaterThan(1);
      expect(await snapshot(trainer)).not.toEqual(before);
      const { scale, goodSteps, corrections } = await lossScaleOf(trainer);
      expect([scale, goodSteps]).toEqual([2 ** (24 - skipped), 1]);
      // AdamW's time has passed by one step, not by those that were skipped.
      const decays = first.corrections;
      const expected = decays.map((decay) => 1 - (1 - decay) ** 2);
      corrections.forEach((value, index) => {
        expect(Math.abs(value - expected[index]!)).toBeLessThan(4 * 2 ** -24 * expected[index]!);
      });
    });
  });

  it('good steps double the scale', async () => {
    const lossScaling = { initialScale: 8, growthInterval: 3 };
    await inHalf({ optimiser, lossScaling, steps: 8 }, async (trainer) => {
      expect(scales(await reportsOf(trainer))).toEqual([8, 8, 8, 16, 16, 16, 32, 32]);
      expect(await lossScaleOf(trainer)).toMatchObject({ scale: 32, goodSteps: 2 });
    });
  });

  it('a resumed one ends bit for bit as one that was never stopped, skipped steps among it', async () => {
    const steps = 14;
    const changes = { ...float16, optimiser, steps, lossScaling: { initialScale: 2 ** 24, growthInterval: 4 } };
    if (!half) {
      await inHalf(changes, async () => {});
      return;
    }
    const whole = await trainInPieces(device, changes, []);
    expect(new Set(skips(whole.reports))).toEqual(new Set([true, false]));
    const places = fc.uniqueArray(fc.integer({ min: 0, max: steps }), { minLength: 1, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(places, async (stops) => {
        const sorted = stops.sort((a, b) => a - b);
        const resumed = await trainInPieces(device, changes, sorted);
        expect(resumed.reports).toEqual(whole.reports);
        expect(resumed.bits).toEqual(whole.bits);
        expect(resumed.file).toEqual(whole.file);
      }),
      { numRuns: 3 },
    );
  });
});

it('what overflows at a scale of 1 ends the run, with everything as it was ahead of it', async () => {
  const changes = { schedule: { kind: 'step', milestones: [4], factor: 1e20 }, steps: 40 } as const;
  await inHalf({ ...changes, lossScaling: { initialScale: 4 } }, async (trainer) => {
    // Step 4 leaves parameters that float32 holds and float16 does not.
    await trainer.run({ steps: 5 });
    const good = await snapshot(trainer);
    const reports: StepReport[] = [];
    const run = () => trainer.run({ onStep: (report) => reports.push(report), reportEvery: 10 });
    const error = await run().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(NumericError);
    expect(error).toMatchObject({
      operation: 'train',
      parameter: 'values of step 7',
      got: 'larger ones at a loss scale of 1',
    });
    expect(reports.map(({ step, lossScale, skipped }) => [step, lossScale, skipped])).toEqual([
      [5, 4, true],
      [6, 2, true],
    ]);
    expect(trainer.step).toBe(7);
    const after = await snapshot(trainer);
    for (const [name, bits] of good) {
      if (!name.endsWith('num_batches_tracked')) expect(after.get(name), name).toEqual(bits);
    }
    await expect(run()).rejects.toMatchObject({ parameter: 'values of step 7' });
  });
});

it('a label that is no class ends the run as in float32, behind steps that are skipped', async () => {
  await inHalf({ lossScaling: { initialScale: 2 } }, async (trainer) => {
    trainer.options.dataset.labels.fill(200);
    const error = await trainer.run().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'NumericError', parameter: 'loss of step 1', got: 'NaN' });
    expect(trainer.step).toBe(1);
  });
});

it('what is computed again is the same to the last bit, and parts of a batch train, too', async () => {
  let bits: Map<string, Uint32Array> | undefined;
  await inHalf({ steps: 5 }, async (trainer) => {
    await trainer.run();
    bits = await snapshot(trainer);
  });
  await inHalf({ steps: 5, recompute: true }, async (trainer) => {
    await trainer.run();
    expect(await snapshot(trainer)).toEqual(bits);
  });
  await inHalf({ steps: 5, microBatch: 2, lossScaling: { initialScale: 2 ** 24 } }, async (trainer) => {
    const reports = await reportsOf(trainer);
    expect(skips(reports)[0]).toBe(true);
    expect(reports.every(({ loss }) => loss > 0 && loss < 3)).toBe(true);
  });
});

it('a teacher leads, in float32', async () => {
  const teacher = createState(device, smallNetwork);
  writeState(teacher, initialParameters(smallNetwork, 9));
  const distillation = {
    teacher,
    loss: 'kl',
    temperature: 2,
    weight: 1,
    schedule: { kind: 'constant' },
    end: 4,
  } as const;
  const full = await freshTrainer(device, { distillation, steps: 6 });
  const expected = await reportsOf(full);
  disposeAll(full);
  expect(expected[0]!.distillation!.distance).toBeGreaterThan(0);
  await inHalf({ distillation, steps: 6 }, async (trainer) => {
    const reports = await reportsOf(trainer);
    reports.forEach(({ loss, distillation: parts }, step) => {
      expect(Math.abs(loss - expected[step]!.loss), `loss of step ${step}`).toBeLessThan(0.02);
      const own = expected[step]!.distillation;
      expect(parts?.weight).toBe(own?.weight);
      expect(Math.abs((parts?.distance ?? 0) - (own?.distance ?? 0))).toBeLessThan(0.02);
    });
  });
  teacher.dispose();
});

it('neither buffers nor their bytes grow over 200 steps', async () => {
  await inHalf({ steps: 205, lossScaling: { growthInterval: 10 } }, async (trainer) => {
    await trainer.run({ steps: 5 });
    const early = bufferUsage(device);
    await trainer.run();
    expect(bufferUsage(device)).toEqual(early);
  });
});

it('a checkpoint of another precision is refused', async () => {
  const full = await freshTrainer(device);
  const file = await encodeCheckpoint(full.state, { trainer: full });
  await inHalf({}, async (trainer) => {
    const expected = { parameter: 'checkpoint, training.precision', expected: 'float16, as asked for', got: 'none' };
    expectError(() => restoreTrainer(trainer, decodeCheckpoint(file)), FormatError, expected);
    const own = decodeCheckpoint(await encodeCheckpoint(trainer.state, { trainer }));
    expectError(() => restoreTrainer(full, own), FormatError, { expected: 'none, as asked for', got: 'float16' });
  });
  disposeAll(full);
});

it.each([0.5, 3, 2 ** 25, Number.NaN])('an initial scale of %d is refused', async (initialScale) => {
  const making = freshTrainer(device, { ...float16, lossScaling: { initialScale } });
  await expect(making).rejects.toThrow(half ? ShapeError : UnsupportedError);
  if (half) await expect(making).rejects.toThrow('train: lossScaling.initialScale: expected a power of two from 1 to');
});
