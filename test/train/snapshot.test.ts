import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readState } from '../../src/graph/state.js';
import { readSafetensors, toFloat32 } from '../../src/io/safetensors.js';
import { decodeCheckpoint, encodeCheckpoint, restoreState, restoreTrainer } from '../../src/train/checkpoint.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../../src/train/trainer.js';
import { encodeWeights } from '../../src/weights/save.js';
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
} from './smallTraining.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const steps = 12;
const fileOf = (trainer: Trainer): Promise<Uint8Array> => encodeCheckpoint(trainer.state, { trainer });

/** The files of a training that stops behind every step to be saved, the first one ahead of step 0. */
async function filesOfStops(changes: Partial<TrainerOptions>): Promise<Uint8Array[]> {
  const trainer = await freshTrainer(device, { steps, ...changes });
  const files = [await fileOf(trainer)];
  while (trainer.step < steps) {
    await trainer.run({ steps: 1 });
    files.push(await fileOf(trainer));
  }
  disposeAll(trainer);
  return files;
}

/** The step that a file says it is of, once it is seen to be that one to the last bit. */
function stepOf(file: Uint8Array, stops: readonly Uint8Array[]): number {
  const { step } = decodeCheckpoint(file).training!;
  expect(Buffer.compare(file, stops[step]!), `the file of step ${step}`).toBe(0);
  return step;
}

/** The bits at the end of a training that goes on from a file. */
async function endFrom(file: Uint8Array, changes: Partial<TrainerOptions>): Promise<Map<string, Uint32Array>> {
  const checkpoint = decodeCheckpoint(file);
  const trainer = await createTrainer(restoreState(device, checkpoint), smallOptions({ steps, ...changes }));
  restoreTrainer(trainer, checkpoint);
  await trainer.run();
  const bits = await snapshot(trainer);
  disposeAll(trainer);
  return bits;
}

describe('a checkpoint that is taken while training runs', () => {
  it.each([
    ['SGD', { optimiser: sgd }, 1],
    ['SGD in micro-batches', { optimiser: sgd, microBatch: 1 }, 2],
    ['AdamW with clipping and augmentation', { optimiser: { ...adamW, clipNorm: 1 }, augmentation: { flip: true } }, 3],
  ] as [
    string,
    Partial<TrainerOptions>,
    number,
  ][])('is of one step, with %s, and resumed exactly', async (_, changes, reportEvery) => {
    const stops = await filesOfStops(changes);
    const trainer = await freshTrainer(device, { steps, ...changes });
    const taking: Promise<Uint8Array>[] = [];
    let running = true;
    // At every report, and whenever the event loop comes round, which is in the middle of steps, too.
    const round = async (): Promise<void> => {
      while (running) {
        taking.push(fileOf(trainer));
        await new Promise((done) => setTimeout(done, 3));
      }
    };
    const rounds = round();
    await trainer.run({ reportEvery, onStep: () => taking.push(fileOf(trainer)) });
    running = false;
    await rounds;
    const files = await Promise.all(taking);
    const seen = files.map((file) => stepOf(file, stops));
    expect(files.length).toBeGreaterThan(steps);
    // They are not all of one moment.
    expect(new Set(seen).size).toBeGreaterThan(2);
    const end = await snapshot(trainer);
    for (const step of new Set([seen[1]!, seen[Math.floor(seen.length / 2)]!, seen.at(-2)!])) {
      expect(await endFrom(files[seen.indexOf(step)]!, changes)).toEqual(end);
    }
    disposeAll(trainer);
  });

  it('is of one step with a teacher whose logits are remembered, and resumed exactly', async () => {
    const teacher = freshState(device, { ...smallNetwork, name: 'teacher' });
    const schedule = { kind: 'linear' } as const;
    const changes = { distillation: { teacher, loss: 'kl', weight: 2, schedule, end: 8, cache: true } } as const;
    const stops = await filesOfStops(changes);
    const trainer = await freshTrainer(device, { steps, ...changes });
    const taking: Promise<Uint8Array>[] = [];
    await trainer.run({ reportEvery: 2, onStep: () => taking.push(fileOf(trainer)) });
    const files = await Promise.all(taking);
    for (const file of files) stepOf(file, stops);
    const end = await snapshot(trainer);
    for (const file of [files[0]!, files[5]!]) expect(await endFrom(file, changes)).toEqual(end);
    disposeAll(trainer);
    teacher.dispose();
  });
});

describe('looked at while it trains, a state', () => {
  it('is that of one step, read whole or written piece by piece', async () => {
    const stops = (await filesOfStops({})).map((file) => decodeCheckpoint(file).values);
    const countOf = (values: ReadonlyMap<string, Float32Array>): number => values.get('norm.num_batches_tracked')![0]!;
    const trainer = await freshTrainer(device, { steps });
    const reads: Promise<ReadonlyMap<string, Float32Array>>[] = [];
    const saved = async (): Promise<ReadonlyMap<string, Float32Array>> => {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      for await (const piece of encodeWeights(trainer.state)) pieces.push(piece);
      const { tensors } = readSafetensors(new Uint8Array(await new Blob(pieces).arrayBuffer()));
      return new Map(
        Array.from(tensors, ([name, tensor]) => [
          name,
          tensor.dtype === 'I64' ? Float32Array.of(tensor.bytes[0]!) : toFloat32(tensor),
        ]),
      );
    };
    await trainer.run({ reportEvery: 2, onStep: () => reads.push(readState(trainer.state), saved()) });
    for (const values of await Promise.all(reads)) expect(values).toEqual(stops[countOf(values)]);
    disposeAll(trainer);
  });
});
