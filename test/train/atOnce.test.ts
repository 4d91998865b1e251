import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BusyError } from '../../src/errors.js';
import { compileInference } from '../../src/graph/inference.js';
import { compileInspection } from '../../src/graph/inspection.js';
import { type NetworkState, readState, writeState } from '../../src/graph/state.js';
import type { ByteSource } from '../../src/io/byteSource.js';
import { channelStatistics, type ImageDataset } from '../../src/io/dataset.js';
import { initialParameters } from '../../src/models/initialise.js';
import { decodeCheckpoint, encodeCheckpoint, encodeNetwork, restoreTrainer } from '../../src/train/checkpoint.js';
import { compileEvaluation, type Evaluation } from '../../src/train/evaluation.js';
import { createTrainer, type Trainer } from '../../src/train/trainer.js';
import { loadWeights } from '../../src/weights/load.js';
import { readWeights } from '../../src/weights/read.js';
import { encodeWeights } from '../../src/weights/save.js';
import { openWeights } from '../../src/weights/weightsFile.js';
import { expectError } from '../models/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import {
  disposeAll,
  freshState,
  freshTrainer,
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

const dataset = stripes(24);
const normalisation = channelStatistics(dataset);
const weights = encodeNetwork(smallNetwork, initialParameters(smallNetwork, 9));

async function expectBusy(calls: readonly Promise<unknown>[], named: { parameter: string; got: string }) {
  for (const [index, call] of calls.entries()) {
    const error = await call.catch((reason: unknown) => reason);
    expect(error, `call ${index}`).toBeInstanceOf(BusyError);
    expect(error, `call ${index}`).toMatchObject(named);
  }
}

/** Weights whose bytes come when they are let through. */
function gatedFile(): { file: ByteSource; open: () => void } {
  let open = (): void => {};
  const gate = new Promise<void>((done) => {
    open = done;
  });
  const file: ByteSource = {
    name: 'gated',
    size: weights.length,
    async read(offset, target) {
      await gate;
      const piece = weights.subarray(offset, offset + target.length);
      target.set(piece);
      return piece.length;
    },
    async close() {},
  };
  return { file, open };
}

const piecesOf = async (state: NetworkState): Promise<void> => {
  for await (const piece of encodeWeights(state)) void piece;
};

describe('while a training runs', () => {
  let trainer: Trainer;
  let other: Trainer;
  let evaluation: Evaluation;
  beforeAll(async () => {
    trainer = await freshTrainer(device);
    other = await createTrainer(trainer.state, smallOptions());
    evaluation = await compileEvaluation(trainer.state, { batch: 8 });
  });
  afterAll(() => {
    evaluation.dispose();
    other.dispose();
    disposeAll(trainer);
  });

  it('others that need its state are refused, and disturb nothing', async () => {
    const alone = await freshTrainer(device);
    const file = decodeCheckpoint(await encodeCheckpoint(trainer.state, { trainer }));
    await alone.run();
    const running = trainer.run();
    const named = { parameter: 'state', got: 'train' };
    await expectBusy(
      [
        trainer.run(),
        other.run(),
        evaluation.run(dataset, normalisation),
        evaluation.runBatches([]),
        loadWeights(trainer.state, weights),
      ],
      named,
    );
    expectError(() => writeState(trainer.state, file.values), BusyError, named);
    expectError(() => restoreTrainer(trainer, file), BusyError, { parameter: 'trainer', got: 'train' });
    await running;
    expect(await snapshot(trainer)).toEqual(await snapshot(alone));
    expect(other.step).toBe(0);
    disposeAll(alone);
  });

  it('inference and inspection go on beside it, each call with one step of the state', async () => {
    writeState(trainer.state, initialParameters(smallNetwork, 3));
    trainer.step = 0;
    const images = randomArray(64, 1);
    const inference = await compileInference(trainer.state, { batch: 1 });
    const inspection = await compileInspection(trainer.state, { batch: 1 });
    const looks: Promise<readonly [Float32Array, Float32Array, Map<string, Float32Array>]>[] = [];
    const onStep = (): void => {
      const looked = inspection.run(images).then(({ logits }) => logits);
      looks.push(Promise.all([inference.run(images), looked, readState(trainer.state)]));
    };
    await trainer.run({ reportEvery: 4, onStep });
    const all = await Promise.all(looks);
    expect(all).toHaveLength(20);
    for (const [logits, looked, values] of all) {
      writeState(trainer.state, values);
      expect(logits).toEqual(await inference.run(images));
      expect(looked).toEqual((await inspection.run(images)).logits);
    }
    inference.dispose();
    inspection.dispose();
  });

  it('its teacher stays as it is, and may teach others', async () => {
    const teacher = freshState(device, { ...smallNetwork, name: 'teacher' });
    const distillation = { teacher, loss: 'mse', weight: 1, schedule: { kind: 'constant' }, end: 20 } as const;
    const pupils = await Promise.all([freshTrainer(device, { distillation }), freshTrainer(device, { distillation })]);
    const before = await readState(teacher);
    const running = pupils.map((pupil) => pupil.run());
    const named = { parameter: 'state', got: 'train' };
    const training = await createTrainer(teacher, smallOptions());
    await expectBusy([training.run(), loadWeights(teacher, weights)], named);
    expectError(() => writeState(teacher, before), BusyError, named);
    await Promise.all(running);
    expect(await snapshot(pupils[0])).toEqual(await snapshot(pupils[1]));
    const learning = training.run();
    await expectBusy(
      pupils.map((pupil) => {
        pupil.step = 0;
        return pupil.run();
      }),
      { parameter: 'teacher', got: 'train' },
    );
    await learning;
    for (const pupil of pupils) disposeAll(pupil);
    training.dispose();
    teacher.dispose();
  });

  it('an end with an error leaves the state free', async () => {
    writeState(trainer.state, initialParameters(smallNetwork, 3));
    trainer.step = 0;
    const onStep = (): never => {
      throw new Error('enough');
    };
    await expect(trainer.run({ onStep })).rejects.toThrow('enough');
    await evaluation.run(dataset, normalisation);
    await trainer.run();
  });
});

describe('while an evaluation runs', () => {
  let trainer: Trainer;
  let one: Evaluation;
  let two: Evaluation;
  beforeEach(async () => {
    trainer ??= await freshTrainer(device);
    one ??= await compileEvaluation(trainer.state, { batch: 8 });
    two ??= await compileEvaluation(trainer.state, { batch: 8 });
  });
  afterAll(() => {
    one.dispose();
    two.dispose();
    disposeAll(trainer);
  });

  it('another run of it is refused, and disturbs nothing', async () => {
    const alone = await one.run(dataset, normalisation);
    const running = one.run(dataset, normalisation);
    await expectBusy([one.run(dataset, normalisation), one.runBatches([])], {
      parameter: 'evaluation',
      got: 'evaluate',
    });
    expect(await running).toEqual(alone);
    expect(await one.run(dataset, normalisation)).toEqual(alone);
  });

  it('another evaluation of the state goes on beside it, and nothing that changes the state', async () => {
    const other: ImageDataset = stripes(17);
    const alone = [await one.run(dataset, normalisation), await two.run(other, normalisation)];
    const running = [one.run(dataset, normalisation), two.run(other, normalisation)];
    const named = { parameter: 'state', got: 'evaluate' };
    await expectBusy([trainer.run(), loadWeights(trainer.state, weights)], named);
    expectError(() => writeState(trainer.state, new Map(initialParameters(smallNetwork, 1))), BusyError, named);
    expect(await Promise.all(running)).toEqual(alone);
    expect(trainer.step).toBe(0);
  });
});

describe('while weights are loaded', () => {
  it('nobody sees the state', async () => {
    const trainer = await freshTrainer(device);
    const { state } = trainer;
    const evaluation = await compileEvaluation(state, { batch: 8 });
    const inference = await compileInference(state, { batch: 1 });
    const inspection = await compileInspection(state, { batch: 1 });
    const { file, open } = gatedFile();
    const loading = loadWeights(state, file);
    const image = new Float32Array(64);
    await expectBusy(
      [
        loadWeights(state, weights),
        trainer.run(),
        evaluation.run(dataset, normalisation),
        inference.run(image),
        inspection.run(image),
        readState(state),
        encodeCheckpoint(state, { trainer }),
        piecesOf(state),
      ],
      { parameter: 'state', got: 'loadWeights' },
    );
    open();
    await loading;
    const loaded = await readState(state);
    for (const [name, values] of initialParameters(smallNetwork, 9)) expect(loaded.get(name), name).toEqual(values);
    for (const made of [evaluation, inference, inspection]) made.dispose();
    disposeAll(trainer);
  });

  it('nobody else reads the opened file, or a source that is read in order', async () => {
    const { file, open } = gatedFile();
    open();
    const [first, second] = [freshState(device), freshState(device)];
    const opened = await openWeights(file);
    const loading = loadWeights(first, opened);
    const named = { parameter: 'gated', got: 'loadWeights' };
    await expectBusy(
      [loadWeights(second, opened), loadWeights(second, file), readWeights(smallNetwork, opened)],
      named,
    );
    await loading;
    // Bytes that lie in memory have room for many.
    await Promise.all([loadWeights(first, weights), loadWeights(second, weights)]);
    expect(await readState(first)).toEqual(await readState(second));
    first.dispose();
    second.dispose();
  });
});
