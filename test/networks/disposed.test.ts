import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuffer, destroyBuffer } from '../../src/device/buffers.js';
import { DisposedError, UnsupportedError } from '../../src/errors.js';
import { compileInference } from '../../src/graph/inference.js';
import { compileInspection } from '../../src/graph/inspection.js';
import { createState, type NetworkState, readState, writeState } from '../../src/graph/state.js';
import { compileTraining } from '../../src/graph/training.js';
import { writeSafetensors } from '../../src/io/safetensors.js';
import { stepStateBytes } from '../../src/ops/loss.js';
import { createOperation } from '../../src/ops/operation.js';
import { compilePlan } from '../../src/ops/plan.js';
import { planRelu } from '../../src/ops/pointwise.js';
import { decodeCheckpoint, encodeCheckpoint, restoreTrainer } from '../../src/train/checkpoint.js';
import { compileEvaluation } from '../../src/train/evaluation.js';
import { compileOptimiser } from '../../src/train/optimiser.js';
import { createTrainer } from '../../src/train/trainer.js';
import { createWorkbench } from '../../src/tune/workbench.js';
import { loadWeights } from '../../src/weights/load.js';
import { encodeWeights } from '../../src/weights/save.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { freshState, freshTrainer, sgd, smallNetwork, smallOptions, stripes } from '../train/smallTraining.js';
import { submit } from './deviceRun.js';

let device: GPUDevice;
const uncaptured: string[] = [];
beforeAll(async () => {
  ({ device } = await testDevice());
  device.onuncapturederror = ({ error }) => uncaptured.push(error.message);
});
afterAll(async () => {
  await device.queue.onSubmittedWorkDone();
  await closeTestDevice();
});

const images = new Float32Array(4 * 64);
const { normalisation } = smallOptions();
const batches = [{ images, labels: [0, 1, 2, 0] }];
const storage = 0x80 | 0x04 | 0x08;

/** Something that is disposed, and everything that can be asked of it. */
type Case = (state: NetworkState) => Promise<{
  readonly thing: { dispose(): void };
  readonly uses: Readonly<Record<string, () => unknown>>;
}>;

async function optimiserOf(state: NetworkState) {
  const made = ['gradients', 'stepState', 'status'].map((label) =>
    createBuffer(device, {
      label,
      size: { gradients: state.trained.size, stepState: stepStateBytes }[label] ?? 8,
      usage: label === 'stepState' ? 0x40 | 0x08 : storage,
    }),
  );
  const [gradients, stepState, status] = made as [GPUBuffer, GPUBuffer, GPUBuffer];
  const optimiser = await compileOptimiser(state, sgd, { gradients, stepState, status });
  return {
    encode: optimiser.encode,
    dispose() {
      optimiser.dispose();
      for (const buffer of made) destroyBuffer(device, buffer);
    },
  };
}

const cases: Readonly<Record<string, Case>> = {
  async inference(state) {
    const thing = await compileInference(state, { batch: 4 });
    return { thing, uses: { run: () => thing.run(images), encode: () => submit(device, thing.encode) } };
  },
  async inspection(state) {
    const thing = await compileInspection(state, { batch: 4 });
    return { thing, uses: { run: () => thing.run(images) } };
  },
  async evaluation(state) {
    const thing = await compileEvaluation(state, { batch: 4 });
    return {
      thing,
      uses: { run: () => thing.run(stripes(8), normalisation), runBatches: () => thing.runBatches(batches) },
    };
  },
  async training(state) {
    const thing = await compileTraining(state, { batch: 4 });
    return { thing, uses: { encode: () => submit(device, thing.encode) } };
  },
  async optimiser(state) {
    const thing = await optimiserOf(state);
    return { thing, uses: { encode: () => submit(device, thing.encode) } };
  },
  async trainer(state) {
    const thing = await createTrainer(state, smallOptions());
    const checkpoint = decodeCheckpoint(await encodeCheckpoint(state, { trainer: thing }));
    return {
      thing,
      uses: {
        run: () => thing.run({ steps: 1 }),
        encodeCheckpoint: () => encodeCheckpoint(state, { trainer: thing }),
        restoreTrainer: () => restoreTrainer(thing, checkpoint),
      },
    };
  },
};

/** What a state itself is used for. */
const stateUses: Readonly<Record<string, (state: NetworkState) => unknown>> = {
  writeState: async (state) => writeState(state, new Map()),
  readState,
  encodeCheckpoint: (state) => encodeCheckpoint(state),
  encodeWeights: (state) => encodeWeights(state).next(),
  loadWeights: (state) => loadWeights(state, writeSafetensors([])),
  compileInference: (state) => compileInference(state, { batch: 4 }),
  compileInspection: (state) => compileInspection(state, { batch: 4 }),
  compileEvaluation: (state) => compileEvaluation(state, { batch: 4 }),
  compileTraining: (state) => compileTraining(state, { batch: 4 }),
  compileOptimiser: optimiserOf,
  createTrainer: (state) => createTrainer(state, smallOptions()),
};

async function expectRefused(uses: Readonly<Record<string, () => unknown>>): Promise<void> {
  for (const [name, use] of Object.entries(uses)) {
    const refused = await Promise.resolve()
      .then(use)
      .catch((error: unknown) => error);
    expect(refused, name).toBeInstanceOf(DisposedError);
  }
}

describe.each(Object.keys(cases))('%s', (name) => {
  it.each(['itself', 'its state'])('is refused once %s is disposed, which may be twice', async (what) => {
    const state = freshState(device);
    const { thing, uses } = await cases[name]!(state);
    const disposed = what === 'itself' ? thing : state;
    disposed.dispose();
    disposed.dispose();
    await expectRefused(uses);
    thing.dispose();
    state.dispose();
  });
});

it('a state is refused once it is disposed, whatever for', async () => {
  const state = createState(device, smallNetwork);
  state.dispose();
  await expectRefused(Object.fromEntries(Object.entries(stateUses).map(([name, use]) => [name, () => use(state)])));
});

it('a trainer that is disposed in the middle of a run ends it', async () => {
  const trainer = await freshTrainer(device);
  const run = trainer.run({ reportEvery: 1, onStep: ({ step }) => step === 2 && trainer.dispose() });
  await expect(run).rejects.toThrow(DisposedError);
  expect(trainer.step).toBeLessThan(trainer.options.steps);
  trainer.state.dispose();
});

it('an evaluation whose state is disposed in the middle of a run ends it', async () => {
  const state = freshState(device);
  const evaluation = await compileEvaluation(state, { batch: 4 });
  const run = evaluation.run(stripes(24), normalisation, { onProgress: () => state.dispose() });
  await expect(run).rejects.toThrow(DisposedError);
  evaluation.dispose();
});

it('a run that is under way when its network is disposed ends as it would have', async () => {
  const state = freshState(device);
  const inference = await compileInference(state, { batch: 4 });
  const running = inference.run(images);
  inference.dispose();
  state.dispose();
  expect(await running).toHaveLength(4 * 3);
});

it('a trainer refuses a teacher that is disposed as long as it leads', async () => {
  const [student, teacher] = [freshState(device), freshState(device)];
  const distillation = { teacher, loss: 'mse', weight: 1, schedule: { kind: 'constant' }, end: 2 } as const;
  const trainer = await createTrainer(student, smallOptions({ distillation, steps: 4 }));
  await trainer.run({ steps: 1 });
  teacher.dispose();
  await expect(trainer.run()).rejects.toThrow(DisposedError);
  expect(trainer.step).toBe(1);
  for (const made of [trainer, student]) made.dispose();
});

it('operations and workbenches are refused once they are disposed', async () => {
  const plan = planRelu(4);
  const [input, output] = ['input', 'output'].map((label) => createBuffer(device, { label, size: 16, usage: storage }));
  const operation = await createOperation(device, plan, { input, output });
  const workbench = createWorkbench(device);
  const contestant = await workbench.bind(await compilePlan(device, plan));
  contestant.dispose();
  for (const made of [operation, operation, workbench, workbench]) made.dispose();
  await expectRefused({
    encode: () => submit(device, operation.encode),
    prepare: () => submit(device, operation.prepare),
    bind: async () => workbench.bind(await compilePlan(device, plan)),
    run: () => workbench.run(contestant),
  });
  for (const buffer of [input!, output!]) destroyBuffer(device, buffer);
});

it('memory that is destroyed behind the back of a state is the error of whoever needs it', async () => {
  const state = freshState(device);
  const inference = await compileInference(state, { batch: 4 });
  const inspection = await compileInspection(state, { batch: 4 });
  const evaluation = await compileEvaluation(state, { batch: 4 });
  const trainer = await createTrainer(state, smallOptions());
  state.trained.destroy();
  const works = {
    run: () => inference.run(images),
    inspect: () => inspection.run(images),
    evaluate: () => evaluation.run(stripes(8), normalisation),
    train: () => trainer.run({ steps: 3 }),
  };
  for (const [name, work] of Object.entries(works)) await expect(work(), name).rejects.toThrow(UnsupportedError);
  for (const made of [inference, inspection, evaluation, trainer, state]) made.dispose();
});

it('nothing of all this reached the console', async () => {
  await device.queue.onSubmittedWorkDone();
  expect(uncaptured).toEqual([]);
});
