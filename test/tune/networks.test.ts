import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuffer } from '../../src/device/buffers.js';
import { compileInference } from '../../src/graph/inference.js';
import { planInference } from '../../src/graph/inferencePlan.js';
import type { Network } from '../../src/graph/network.js';
import { createState, type NetworkState, writeState } from '../../src/graph/state.js';
import { compileTraining } from '../../src/graph/training.js';
import { planTraining } from '../../src/graph/trainingPlan.js';
import type { Form } from '../../src/ops/forms.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { tuningScope } from '../../src/tune/record.js';
import { memoryTuningStore } from '../../src/tune/store.js';
import { rememberedChoice, type TuneProgress } from '../../src/tune/tune.js';
import { randomState } from '../graph/networks.js';
import { convolution, pool } from '../models/layers.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { expectClose } from '../support/tolerance.js';

const network: Network = {
  name: 'small',
  input: { height: 8, width: 8, channels: 8 },
  layers: [
    convolution({ name: 'first', adjust: 'output' }),
    { kind: 'relu', name: 'relu', inputs: ['first'] },
    convolution({ name: 'second', inputs: ['relu'], stride: [2, 2], adjust: 'input' }),
    pool({ kind: 'meanPool', name: 'mean', inputs: ['second'], kernel: 'global', stride: [1, 1] }),
    { kind: 'dense', name: 'fc', inputs: ['mean'], outFeatures: 4, bias: true },
  ],
};
const batch = 2;
const images = randomArray(batch * 8 * 8 * 8, 1);
const labels = randomIntegers(batch, 2, 4);
const tune = { seconds: 0.01, candidates: 2, largestBody: 120 };

let device: GPUDevice;
let state: NetworkState;
beforeAll(async () => {
  ({ device } = await testDevice());
  state = createState(device, network);
  writeState(state, randomState(network, 3));
});
afterAll(async () => {
  state.dispose();
  await closeTestDevice();
});

async function logits(options: Partial<Parameters<typeof compileInference>[1]>): Promise<Float32Array> {
  const compiled = await compileInference(state, { batch, ...options });
  try {
    return await compiled.run(images);
  } finally {
    compiled.dispose();
  }
}

async function gradients(options: Partial<Parameters<typeof compileTraining>[1]>): Promise<Float32Array> {
  const training = await compileTraining(state, { batch, ...options });
  device.queue.writeBuffer(training.input.buffer, training.input.offset, images);
  device.queue.writeBuffer(training.labels.buffer, training.labels.offset, labels);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  training.encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const values = new Float32Array(await readBuffer(device, training.gradients));
  training.dispose();
  return values;
}

describe('a tuned network', () => {
  it('infers as it did, and measures once', async () => {
    const tuning = memoryTuningStore();
    const progress: TuneProgress[] = [];
    const measured = { ...tune, onProgress: (one: TuneProgress) => progress.push(one) };
    const tuned = await logits({ tune: measured, tuning });
    expectClose(tuned, await logits({}), 1e-3, 'tuned inference');
    const count = progress.length;
    expect(count).toBeGreaterThan(1);
    expect((await tuning.load(tuningScope(device))).size).toBe(count);
    expect(await logits({ tune: measured, tuning })).toEqual(tuned);
    expect(await logits({ tuning })).toEqual(tuned);
    expect(progress).toHaveLength(count);
  });

  it('trains as it did', async () => {
    const progress: TuneProgress[] = [];
    const onProgress = (one: TuneProgress) => progress.push(one);
    const tuned = await gradients({ tune: { ...tune, onProgress }, tuning: memoryTuningStore() });
    const operations = new Set(progress.map(({ operation }) => operation));
    for (const operation of ['conv2dInputGradient', 'conv2dFilterGradient']) expect(operations).toContain(operation);
    const untuned = await gradients({});
    const largest = untuned.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expectClose(tuned, untuned, 1e-4 * largest, 'tuned training');
  });

  it('takes what a store holds without measuring, and leaves an empty store empty', async () => {
    const tuning = memoryTuningStore();
    // Where filters are transformed once, the choice includes Winograd.
    const options = { batch, memory: 'fastest' } as const;
    const dispatches = async () => {
      const compiled = await compileInference(state, { ...options, tuning });
      compiled.dispose();
      return compiled.dispatches;
    };
    const untuned = await dispatches();
    expect(await tuning.load(tuningScope(device))).toEqual(new Map());

    // The first convolution in the family that it would not have had: direct instead of Winograd's three or four, or back.
    const key = 'conv2d constant 2x8x8x8 to 8 k3x3 s1x1 p1x1 d1x1 g1';
    let offered: readonly Form[] = [];
    let chosen: Form | undefined;
    const choose: NonNullable<Parameters<typeof compileInference>[1]['choose']> = ({ forms, key: asked }) => {
      const quick = forms.find(({ body }) => body <= 150)!;
      if (asked === key) [offered, chosen] = [forms, quick];
      return quick;
    };
    (await compileInference(state, { ...options, choose })).dispose();
    const family = chosen!.family === 'winograd' ? 'naive' : 'winograd';
    const form = offered.find((one) => one.family === family)!;
    await tuning.add(tuningScope(device), new Map([[key, { form, milliseconds: 1, heuristic: chosen! }]]));
    const changed = await dispatches();
    expect(family === 'winograd' ? changed > untuned : changed < untuned).toBe(true);
  });

  it('is planned with an empty store as without one: shared pipelines, and the tiles of training or inference', async () => {
    const choose = await rememberedChoice(device, memoryTuningStore());
    const inference = (traits: DeviceTraits) => planInference(network, batch, { memory: 'fastest' }, traits).forward;
    const training = (traits: DeviceTraits) => planTraining(network, batch, {}, traits).operations;
    for (const planner of [inference, training]) {
      const [plain, remembered] = [deviceTraits(device), deviceTraits(device, choose)].map((traits) =>
        planner(traits).flatMap(({ plan }) => plan.steps),
      );
      expect(remembered).toEqual(plain);
      expect(plain!.some(({ kernel }) => 'variables' in kernel && kernel.name.startsWith('conv2d'))).toBe(true);
    }
  });

  it('stops compiling when measuring is aborted', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error('enough'));
    const options = { tune: { ...tune, onProgress }, tuning: memoryTuningStore(), signal: controller.signal };
    await expect(compileInference(state, { batch, ...options })).rejects.toThrow('enough');
  });
});
