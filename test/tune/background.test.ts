import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bufferUsage, readBuffer } from '../../src/device/buffers.js';
import { openDevice } from '../../src/device/node.js';
import { DeviceLostError, DisposedError, LimitError, ShapeError } from '../../src/errors.js';
import { compileInference, type InferenceNetwork } from '../../src/graph/inference.js';
import type { Network } from '../../src/graph/network.js';
import { createState, type NetworkState, writeState } from '../../src/graph/state.js';
import { compileTraining, type TrainingNetwork } from '../../src/graph/training.js';
import { chooseByRule } from '../../src/ops/choose.js';
import type { ChooseForm, Form } from '../../src/ops/forms.js';
import { softwareMachine } from '../../src/ops/machineTable.js';
import { type BackgroundTuningOptions, backgroundTuner, type FormSwap } from '../../src/tune/background.js';
import { sameForm, tuningScope } from '../../src/tune/record.js';
import { memoryTuningStore, type TuningStore } from '../../src/tune/store.js';
import { tune } from '../../src/tune/tune.js';
import { randomState } from '../graph/networks.js';
import { convolution, pool } from '../models/layers.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { expectClose } from '../support/tolerance.js';
import { clock } from './favouringStopwatch.js';
import { sumRequest } from './sumRequest.js';

vi.mock('../../src/measure/stopwatch.js', async (load) => {
  const { favouring } = await import('./favouringStopwatch.js');
  return favouring(await load<typeof import('../../src/measure/stopwatch.js')>());
});
const network: Network = {
  name: 'small',
  input: { height: 8, width: 8, channels: 8 },
  layers: [
    convolution({ name: 'first', adjust: 'output' }),
    { kind: 'relu', name: 'relu', inputs: ['first'] },
    convolution({ name: 'second', inputs: ['relu'], stride: [2, 2], adjust: 'input' }),
    { kind: 'batchNorm', name: 'norm', inputs: ['second'], epsilon: 1e-5, momentum: 0.1 },
    pool({ kind: 'meanPool', name: 'mean', inputs: ['norm'], kernel: 'global', stride: [1, 1] }),
    { kind: 'dense', name: 'fc', inputs: ['mean'], outFeatures: 4, bias: true },
  ],
};
const batch = 2;
const images = randomArray(batch * 8 * 8 * 8, 1);
const labels = randomIntegers(batch, 2, 4);

let device: GPUDevice;
let state: NetworkState;
let store: TuningStore;
let swaps: FormSwap[];
let made: { dispose(): void }[];
beforeAll(async () => {
  ({ device } = await testDevice());
  state = createState(device, network);
  writeState(state, randomState(network, 3));
});
beforeEach(async () => {
  Object.assign(clock, { favoured: 'naive', samples: 0, onSample() {} });
  store = memoryTuningStore();
  await store.addMachine(tuningScope(device), softwareMachine);
  swaps = [];
  made = [];
});
afterEach(() => {
  for (const one of made) one.dispose();
});
afterAll(async () => {
  state.dispose();
  await closeTestDevice();
});

const kept = <Made extends { dispose(): void }>(one: Made): Made => {
  made.push(one);
  return one;
};
const tunerOf = (options: BackgroundTuningOptions = {}) =>
  backgroundTuner(device, {
    store,
    seconds: 0.01,
    largestBody: 120,
    onSwap: (swap) => swaps.push(swap),
    ...options,
  });
type Options = Partial<Parameters<typeof compileInference>[1]>;
const inferenceOf = async (options: Options) => kept(await compileInference(state, { batch, ...options }));

/** Picks forms that are given by key, as they are in use. */
const asIn =
  (forms: ReadonlyMap<string, Form>): ChooseForm =>
  (request) => {
    const { shared = false, ...wanted } = forms.get(request.key)!;
    return { ...request.forms.find((form) => sameForm(form, wanted))!, shared };
  };

describe('inference', () => {
  it('starts at once by the rule, takes what is found, and computes bit for bit as compiled with it', async () => {
    const untuned = await inferenceOf({});
    const tuner = await tunerOf();
    const tuned = await inferenceOf({ tune: tuner });
    expect(clock.samples).toBe(0);
    expect(tuned.forms).toEqual(untuned.forms);
    const before = await tuned.run(images);
    expect(before).toEqual(await untuned.run(images));
    await tuner.settled();
    expect([...tuned.forms.values()].filter(({ family }) => family === 'naive').length).toBeGreaterThan(1);
    const after = await tuned.run(images);
    expectClose(after, before, 1e-4, 'other forms');
    const asRemembered = await inferenceOf({ tuning: store });
    expect(asRemembered.forms).toEqual(tuned.forms);
    expect(after).toEqual(await asRemembered.run(images));
    expect(tuned.dispatches).toBe(asRemembered.dispatches);
  });

  it('runs between pieces in the forms that are in use', async () => {
    const tuner = await tunerOf({ share: 1 });
    const tuned = await inferenceOf({ tune: tuner, memory: 'fastest' });
    let settled = false;
    const settling = tuner.settled().finally(() => {
      settled = true;
    });
    const seen: { forms: ReadonlyMap<string, Form>; output: Float32Array }[] = [];
    while (!settled) {
      const { forms } = tuned;
      const output = await tuned.run(images);
      if (seen.at(-1)?.forms !== forms) seen.push({ forms, output });
      else expect(output).toEqual(seen.at(-1)!.output);
      await new Promise((done) => setTimeout(done, 1));
    }
    await settling;
    seen.push({ forms: tuned.forms, output: await tuned.run(images) });
    expect(new Set(seen.map(({ forms }) => forms)).size).toBeGreaterThan(2);
    for (const { forms, output } of seen) {
      const same = await inferenceOf({ choose: asIn(forms), memory: 'fastest' });
      expect(output).toEqual(await same.run(images));
    }
  });

  it('tells of every swap: network, operation, forms and gain', async () => {
    const tuner = await tunerOf();
    const tuned = await inferenceOf({ tune: tuner });
    const before = tuned.forms;
    await tuner.settled();
    const known = await store.load(tuningScope(device));
    expect(new Set(swaps.map(({ key }) => key)).size).toBe(swaps.length);
    expect(swaps.length).toBeGreaterThan(1);
    for (const { network: name, key, from, to, gain } of swaps) {
      expect(name).toBe('small');
      expect(from).toEqual(before.get(key));
      expect({ ...to, shared: false }).toEqual(tuned.forms.get(key));
      expect(to).toEqual(known.get(key)!.form);
      expect(gain).toBe(to.family === 'naive' && from.family !== 'naive' ? 2 : 1);
    }
  });

  it('keeps its output and input where they are, and its memory within what was chosen', async () => {
    const usage = bufferUsage(device);
    const untuned = await compileInference(state, { batch });
    const alone = bufferUsage(device).bytes - usage.bytes;
    untuned.dispose();
    const tuner = await tunerOf();
    const tuned = await compileInference(state, { batch, tune: tuner });
    const { input, output, arenaBytes } = tuned;
    await tuner.settled();
    expect(tuned.input).toBe(input);
    expect(tuned.output).toBe(output);
    expect(tuned.arenaBytes).toBe(arenaBytes);
    expect(bufferUsage(device).bytes - usage.bytes).toBe(alone);
    tuned.dispose();
    expect(bufferUsage(device)).toEqual(usage);
  });

  it('keeps the outputs of layers where they are, and in them what those are', async () => {
    const outputs = ['relu', 'second', 'fc'];
    const plain = await inferenceOf({ outputs });
    const tuner = await tunerOf();
    const tuned = await inferenceOf({ outputs, tune: tuner });
    const before = new Map(tuned.outputs);
    await tuner.settled();
    expect(swaps.length).toBeGreaterThan(0);
    expect([...tuned.outputs]).toEqual([...before]);
    const expected = await plain.runOutputs(images);
    await tuned.run(images);
    for (const [name, { range }] of tuned.outputs) {
      const values = new Float32Array(await readBuffer(device, range.buffer, range.offset, range.size));
      expectClose(values, expected.get(name)!, 1e-4, name);
      expect((await tuned.runOutputs(images)).get(name)).toEqual(values);
    }
  });

  it('takes memory beside its own where a form needs more, and keeps its form where there is none', async () => {
    clock.favoured = 'winograd';
    const usage = bufferUsage(device);
    const direct: ChooseForm = (request) =>
      chooseByRule({ ...request, forms: request.forms.filter(({ family }) => family !== 'winograd') });
    const smallest = await inferenceOf({ choose: direct, memory: 'fastest' });
    const bytes = smallest.arenaBytes;
    smallest.dispose();
    const errors: unknown[] = [];
    const onKept = (one: { readonly key: string; readonly error: unknown }) => errors.push(one.error);
    const tuner = await tunerOf({ onKept });
    const winograds = ({ forms }: InferenceNetwork) =>
      [...forms.values()].filter(({ family }) => family === 'winograd').length;
    const createBuffer = device.createBuffer.bind(device);
    const blocked = vi.spyOn(device, 'createBuffer').mockImplementation((descriptor) => {
      if (descriptor.label !== 'arena 1') return createBuffer(descriptor);
      throw new LimitError({ operation: 'test', parameter: 'arena', expected: 'memory', got: 'none' });
    });
    const refused = kept(await compileInference(state, { batch, memory: 'fastest', tune: tuner }));
    await tuner.settled();
    const beforehand = refused.arenaBytes;
    blocked.mockRestore();
    if (winograds(refused) === 0) {
      expect(errors).toEqual([expect.any(LimitError)]);
      expect(beforehand).toBe(bytes);
    }
    const taking = await tunerOf();
    const taken = kept(await compileInference(state, { batch, memory: 'fastest', tune: taking }));
    await taking.settled();
    expect(winograds(taken)).toBeGreaterThan(0);
    const output = await taken.run(images);
    expectClose(output, await refused.run(images), 1e-3, 'Winograd');
    // With what its Winograd forms ask for inside.
    const asRemembered = await inferenceOf({ tuning: store, memory: 'fastest' });
    expect(asRemembered.forms).toEqual(taken.forms);
    expect(output).toEqual(await asRemembered.run(images));
    for (const one of made) one.dispose();
    expect(bufferUsage(device)).toEqual(usage);
  });

  it('shares one tuner with other networks: each operation is measured once', async () => {
    const tuner = await tunerOf();
    const networks = [await inferenceOf({ tune: tuner }), await inferenceOf({ tune: tuner })];
    networks.push(await inferenceOf({ tune: tuner, batch: 1 }));
    const keys: string[] = [];
    const other = await tunerOf({ store: memoryTuningStore(), onProgress: ({ key }) => keys.push(key) });
    await Promise.all([tuner.settled(), other.settled()]);
    expect(keys).toEqual([]);
    const swapped = networks.map(({ forms }) => [...forms.values()].filter(({ family }) => family === 'naive').length);
    expect(swapped[0]).toBeGreaterThan(1);
    expect(swapped[1]).toBe(swapped[0]);
    expect(swapped[2]).toBe(swapped[0]);
    const samples = clock.samples;
    const late = await inferenceOf({ tune: tuner });
    expect(late.forms).toEqual(networks[0]!.forms);
    await tuner.settled();
    expect(clock.samples).toBe(samples);
  });

  it('takes turns with tuning that does not wait', async () => {
    const tuner = await tunerOf();
    const tuned = await inferenceOf({ tune: tuner });
    const request = sumRequest('sum', [
      { family: 'subgroup', cost: 10 },
      { family: 'naive', cost: 40 },
    ]);
    await Promise.all([tune(device, ({ choose }) => choose!(request), { store, seconds: 0.01 }), tuner.settled()]);
    expect([...(await store.load(tuningScope(device))).keys()]).toEqual(
      expect.arrayContaining(['sum', ...tuned.forms.keys()]),
    );
  });

  it('measures the machine where the store does not know it', async () => {
    store = memoryTuningStore();
    const tuner = await tunerOf();
    await inferenceOf({ tune: tuner });
    await tuner.settled();
    expect(await store.loadMachine(tuningScope(device))).toMatchObject({ units: expect.any(Number) });
  });
});

describe('training', () => {
  async function gradients(training: TrainingNetwork, ahead: () => unknown = () => {}): Promise<Float32Array> {
    device.queue.writeBuffer(training.input.buffer, training.input.offset, images);
    device.queue.writeBuffer(training.labels.buffer, training.labels.offset, labels);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    training.encode(pass);
    pass.end();
    await ahead();
    device.queue.submit([encoder.finish()]);
    training.submitted();
    return new Float32Array(await readBuffer(device, training.gradients));
  }

  it('takes forms behind a step alone, and computes bit for bit as compiled with them', async () => {
    const untuned = kept(await compileTraining(state, { batch }));
    const expected = await gradients(untuned);
    const tuner = await tunerOf();
    const training = kept(await compileTraining(state, { batch, tune: tuner }));
    const { forms, losses, logits } = training;
    const whole = await gradients(training, async () => {
      await tuner.settled();
      expect(training.forms).toBe(forms);
      expect(swaps).toEqual([]);
    });
    expect(whole).toEqual(expected);
    expect(swaps.length).toBeGreaterThan(3);
    expect(training.forms).not.toEqual(forms);
    expect([training.losses, training.logits]).toEqual([losses, logits]);
    const asRemembered = kept(await compileTraining(state, { batch, tuning: store }));
    expect(asRemembered.forms).toEqual(training.forms);
    expect(await gradients(training)).toEqual(await gradients(asRemembered));
  });
});

describe('the end', () => {
  const ready = async (options: BackgroundTuningOptions = {}) => {
    const usage = bufferUsage(device);
    const tuner = await tunerOf(options);
    const tuned = await inferenceOf({ tune: tuner });
    const staysUsable = async () => {
      const forms = tuned.forms;
      expect(await tuned.run(images)).toHaveLength(batch * 4);
      expect(tuned.forms).toBe(forms);
      tuned.dispose();
      expect(bufferUsage(device)).toEqual(usage);
    };
    return { tuner, tuned, staysUsable, usage };
  };

  it('of a network ends its measuring, and the tuner goes on with others', async () => {
    const { tuner, tuned, usage } = await ready();
    clock.onSample = () => tuned.dispose();
    await tuner.settled();
    expect(swaps).toEqual([]);
    expect(bufferUsage(device)).toEqual(usage);
    expect((await store.load(tuningScope(device))).size).toBe(1);
    clock.onSample = () => {};
    await inferenceOf({ tune: tuner });
    await tuner.settled();
    expect(swaps.length).toBeGreaterThan(1);
  });

  it('comes when the signal is aborted; the network stays as it is', async () => {
    const controller = new AbortController();
    const { tuner, staysUsable } = await ready({ signal: controller.signal });
    clock.onSample = () => controller.abort(new Error('enough'));
    await expect(tuner.settled()).rejects.toThrow('enough');
    await staysUsable();
    await expect(tunerOf({ signal: controller.signal })).rejects.toThrow('enough');
  });

  it.each(['onSwap', 'onProgress'])('comes when %s throws, which is told', async (name) => {
    const { tuner, staysUsable } = await ready({
      [name]: () => {
        throw new Error('not mine');
      },
    });
    await expect(tuner.settled()).rejects.toThrow('not mine');
    await staysUsable();
  });

  it('comes with the device', async () => {
    const opened = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
    const own = createState(opened.device, network);
    const tuner = await backgroundTuner(opened.device, { store });
    const tuned = await compileInference(own, { batch, tune: tuner });
    clock.onSample = () => opened.device.destroy();
    await expect(tuner.settled()).rejects.toThrow(DeviceLostError);
    await expect(tuned.run(images)).rejects.toThrow(DeviceLostError);
    await tuner.giveTurn();
    opened.close();
    await expect(backgroundTuner(opened.device)).rejects.toThrow(DeviceLostError);
  });

  it('is not seen where a network is disposed of that waits for the end of a step', async () => {
    const usage = bufferUsage(device);
    const tuner = await tunerOf();
    const training = await compileTraining(state, { batch, tune: tuner });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    training.encode(pass);
    pass.end();
    await tuner.settled();
    training.dispose();
    expect(swaps).toEqual([]);
    expect(bufferUsage(device)).toEqual(usage);
    const encode = () => training.encode(pass);
    expect(encode).toThrow(DisposedError);
  });
});

describe('wrong input', () => {
  it.each([
    ['share', 0],
    ['share', 1.5],
    ['seconds', 0],
    ['candidates', -1],
  ])('refuses %s of %d', async (parameter, value) => {
    const making = tunerOf({ [parameter]: value });
    await expect(making).rejects.toThrow(ShapeError);
    await expect(making).rejects.toMatchObject({ parameter });
  });

  it('refuses a tuner of another device', async () => {
    const opened = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
    const tuner = await backgroundTuner(opened.device);
    await expect(compileInference(state, { batch, tune: tuner })).rejects.toThrow(ShapeError);
    await expect(compileTraining(state, { batch, tune: tuner })).rejects.toMatchObject({ parameter: 'tune' });
    opened.close();
  });
});
