import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage, readBuffer } from '../../src/device/buffers.js';
import { destroyDevice } from '../../src/device/device.js';
import { DisposedError, LimitError, ShapeError } from '../../src/errors.js';
import type { CompileOptions, CompileProgress } from '../../src/graph/compile.js';
import { compileInference } from '../../src/graph/inference.js';
import { planInference } from '../../src/graph/inferencePlan.js';
import { isExternal } from '../../src/graph/names.js';
import type { Layer, Network } from '../../src/graph/network.js';
import { type NetworkOperation, planArena } from '../../src/graph/operations.js';
import { elementCount } from '../../src/graph/parameters.js';
import { inferShapes } from '../../src/graph/shapes.js';
import { createState, writeState } from '../../src/graph/state.js';
import { layoutState } from '../../src/graph/stateLayout.js';
import { compileTraining } from '../../src/graph/training.js';
import { planTraining } from '../../src/graph/trainingPlan.js';
import { networkByName } from '../../src/models/networkByName.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { randomState } from '../graph/networks.js';
import { convolution, pool } from '../models/layers.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { chooseDirect } from '../support/directTraits.js';
import { randomArray } from '../support/random.js';
import { submit } from './deviceRun.js';

let gpu: GPU;
let device: GPUDevice;
beforeAll(async () => {
  ({ device, gpu } = await testDevice());
});
afterAll(closeTestDevice);

const norm = (changes: { epsilon?: number; momentum?: number } = {}): Layer => ({
  kind: 'batchNorm',
  name: 'norm',
  inputs: ['conv'],
  epsilon: 1e-5,
  momentum: 0.1,
  ...changes,
});
const tiny: Network = {
  name: 'tiny',
  input: { height: 4, width: 4, channels: 3 },
  layers: [
    convolution({ adjust: 'output' }),
    norm(),
    { kind: 'relu', name: 'relu', inputs: ['norm'] },
    pool({ kind: 'meanPool', inputs: ['relu'], kernel: 'global', stride: [1, 1] }),
    { kind: 'dense', name: 'fc', inputs: ['pool'], outFeatures: 3, bias: true },
  ],
};
const images = randomArray(2 * 48, 1);

const dispatchesOf = (operations: readonly NetworkOperation[]): number =>
  operations.reduce((sum, { plan }) => sum + plan.steps.length, 0);

/** A state of the tiny network, on the device of the tests unless told. */
function tinyState(on = device) {
  const state = createState(on, tiny);
  writeState(state, randomState(tiny, 1));
  return state;
}

/** A device with WebGPU's default limits, which every implementation has. */
async function modestDevice(): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  return adapter!.requestDevice();
}

describe('the plan of IC-ResNet-20', () => {
  const network = cifarResNet({ depth: 20, ic: true });
  const batch = 4;
  const activations = [...inferShapes(network, batch).values()].reduce(
    (sum, shape) => sum + 4 * elementCount(shape),
    0,
  );

  it.each([
    {},
    { subgroup: 4 },
    { subgroup: 8 },
    { subgroup: 32 },
  ])('has one dispatch for each direct convolution, pool and dense layer with traits %o', (traits) => {
    const { forward } = planInference(network, batch, {}, { ...traits, choose: chooseDirect });
    const own = network.layers.filter(({ kind }) => /convolution|Pool|dense/.test(kind));
    // And one more where the reduction is split.
    const steps = forward.flatMap(({ plan }) => plan.steps);
    const splits = steps.filter(({ kernel }) => kernel.name === 'conv2d_split_output').length;
    expect(dispatchesOf(forward) - splits).toBeLessThanOrEqual(own.length + 2);
    expect(dispatchesOf(forward) - splits).toBeGreaterThanOrEqual(own.length);
  });

  it('infers in a small part of what all activations need', () => {
    const { forward, output } = planInference(network, batch, {}, { subgroup: 4, software: true });
    const { arenaBytes } = planArena(forward, isExternal, [output], 256);
    expect(arenaBytes).toBeLessThan(activations / 8);
  });

  it('needs little more for Winograd convolutions than their transformed filters', () => {
    const { forward, output } = planInference(network, batch, { memory: 'fastest' }, { subgroup: 4, software: true });
    const { arenaBytes } = planArena(forward, isExternal, [output], 256);
    const prepared = forward
      .flatMap(({ plan }) => Object.values(plan.operands))
      .filter(({ use }) => use === 'prepared')
      .reduce((sum, { bytes }) => sum + bytes, 0);
    expect(prepared).toBeGreaterThan(0);
    expect(arenaBytes - prepared).toBeLessThan(activations / 4);
  });

  it('trains in less than all its tensors need', () => {
    const { operations } = planTraining(network, batch, {}, { subgroup: 4 });
    const everything = operations.flatMap(({ tensors }) => Object.values(tensors));
    const { arenaBytes } = planArena(operations, isExternal, [], 256);
    const { arenaBytes: all } = planArena(operations, isExternal, everything, 256);
    expect(arenaBytes).toBeLessThan(0.6 * all);
  });
});

describe('a compiled network', () => {
  it('has the dispatches and the arena of its plan', async () => {
    const state = tinyState();
    const { forward, output } = planInference(tiny, 2, {}, deviceTraits(device));
    const inference = await compileInference(state, { batch: 2 });
    expect(inference.dispatches).toBe(dispatchesOf(forward));
    const alignment = Math.max(device.limits.minStorageBufferOffsetAlignment, 16);
    expect(inference.arenaBytes).toBe(planArena(forward, isExternal, [output], alignment).arenaBytes);
    inference.dispose();
    state.dispose();
  });

  it('needs no more memory after 200 training steps than after 5', async () => {
    const state = tinyState();
    const training = await compileTraining(state, { batch: 2 });
    device.queue.writeBuffer(training.input.buffer, 0, images);
    let early = bufferUsage(device);
    for (let step = 1; step <= 200; step++) {
      submit(device, (pass) => training.encode(pass));
      training.submitted();
      if (step % 4 === 0) await device.queue.onSubmittedWorkDone();
      if (step === 5) early = bufferUsage(device);
    }
    expect(bufferUsage(device)).toEqual(early);
    const { buffer, offset, size } = training.losses;
    const losses = new Float32Array(await readBuffer(device, buffer, offset, size));
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(bufferUsage(device)).toEqual(early);
    expect(state.batchesTracked).toBe(17 + 200);
    training.dispose();
    state.dispose();
  });

  it('leaves nothing behind when it is compiled, run and disposed of a hundred times', async () => {
    const before = bufferUsage(device);
    for (let time = 0; time < 100; time++) {
      const state = tinyState();
      const inference = await compileInference(state, { batch: 2 });
      const training = await compileTraining(state, { batch: 2 });
      submit(device, (pass) => training.encode(pass));
      expect(await inference.run(images)).toHaveLength(6);
      for (const made of [inference, training, state]) made.dispose();
      expect(bufferUsage(device)).toEqual(before);
    }
  });
});

describe.each([
  ['compileInference', compileInference],
  ['compileTraining', compileTraining],
] as const)('%s', (_, compile) => {
  const compileTiny = async (options: CompileOptions): Promise<void> => {
    const state = tinyState();
    try {
      (await compile(state, { batch: 2, ...options })).dispose();
    } finally {
      state.dispose();
    }
  };

  it('reports its progress up to the total', async () => {
    const seen: CompileProgress[] = [];
    await compileTiny({ onProgress: (progress) => seen.push(progress) });
    const total = seen.length;
    expect(total).toBeGreaterThan(2);
    expect(seen).toEqual(Array.from({ length: total }, (_, i) => ({ compiled: i + 1, total })));
  });

  it('rejects with the reason of a signal, and leaves nothing behind', async () => {
    const before = bufferUsage(device);
    const reason = new Error('enough');
    await expect(compileTiny({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const seen: number[] = [];
    const compiling = compileTiny({
      signal: controller.signal,
      onProgress({ compiled }) {
        seen.push(compiled);
        controller.abort(reason);
      },
    });
    await expect(compiling).rejects.toBe(reason);
    expect(seen).toEqual([1]);
    expect(bufferUsage(device)).toEqual(before);
  });

  it('refuses a device that is closed', async () => {
    const lost = await modestDevice();
    const state = tinyState(lost);
    destroyDevice(lost);
    await expect(compile(state, { batch: 2 })).rejects.toThrow(DisposedError);
  });

  it('names the layer whose tensor the device cannot bind, and leaves nothing behind', async () => {
    const modest = await modestDevice();
    const network: Network = {
      name: 'wide',
      input: { height: 64, width: 64, channels: 1 },
      layers: [convolution({ name: 'wide', outChannels: 64 }), { ...tiny.layers[4]!, inputs: ['wide'] }],
    };
    const state = createState(modest, network);
    const before = bufferUsage(modest);
    // An image's output takes 1 MiB, and 128 MiB can be bound.
    const compiling = compile(state, { batch: 129 });
    await expect(compiling).rejects.toThrow(LimitError);
    await expect(compiling).rejects.toMatchObject({ operation: 'conv2d', parameter: 'wide: output' });
    await expect(compiling).rejects.toThrow('a batch of 128 fits');
    expect(bufferUsage(modest)).toEqual(before);
    destroyDevice(modest);
  });

  it('says which input would fit where one image does not', async () => {
    const modest = await modestDevice();
    const network: Network = {
      name: 'large',
      input: { height: 800, width: 1000, channels: 1 },
      layers: [convolution({ name: 'wide', outChannels: 64 }), pool({ inputs: ['wide'] })],
    };
    const state = createState(modest, network);
    const compiling = compile(state, { batch: 3 });
    await expect(compiling).rejects.toThrow(LimitError);
    // 64 channels of 4 bytes: 2^19 pixels can be bound, and 647 x 808 is the largest in the given proportion.
    await expect(compiling).rejects.toThrow('an input of 647 x 808 at batch 1 fits');
    destroyDevice(modest);
  });

  it('says which limit to request where parameters cannot be bound, which no batch or input helps', async () => {
    const modest = await modestDevice();
    const network: Network = {
      name: 'heavy',
      input: { height: 64, width: 128, channels: 1 },
      layers: [{ kind: 'dense', name: 'heavy', inputs: ['input'], outFeatures: 4100, bias: false }],
    };
    const bytes = 64 * 128 * 4100 * 4;
    const compiling = compile(createState(modest, network), { batch: 2 });
    await expect(compiling).rejects.toMatchObject({
      ...{ operation: 'dense', parameter: 'heavy: filter', got: `${bytes}, ${bytes - 2 ** 27} too much` },
      expected:
        `at most ${2 ** 27} (the device's maxStorageBufferBindingSize), or a device with requiredLimits ` +
        `{ maxStorageBufferBindingSize: ${bytes} }; no smaller batch or input fits`,
    });
    destroyDevice(modest);

    const adapter = (await gpu.requestAdapter())!;
    const asking = adapter.requestDevice({ requiredLimits: { maxStorageBufferBindingSize: bytes } });
    if (adapter.limits.maxStorageBufferBindingSize < bytes) {
      await expect(asking).rejects.toThrow('maxStorageBufferBindingSize');
      return;
    }
    const asked = await asking;
    (await compile(createState(asked, network), { batch: 2 })).dispose();
    destroyDevice(asked);
  });

  it('names the limit of buffers where a state is larger', async () => {
    const modest = await modestDevice();
    const vgg = networkByName('vgg16');
    const { trainedCount } = layoutState(vgg);
    expect(() => createState(modest, vgg)).toThrow(
      `or a device with requiredLimits { maxBufferSize: ${trainedCount * 4} }`,
    );
    destroyDevice(modest);
  });

  it('refuses a batch larger than a buffer, and leaves nothing behind', async () => {
    const modest = await modestDevice();
    const state = tinyState(modest);
    const before = bufferUsage(modest);
    const batch = Math.floor(modest.limits.maxBufferSize / (4 * 48)) + 1;
    const compiling = compile(state, { batch });
    await expect(compiling).rejects.toThrow(LimitError);
    await expect(compiling).rejects.toMatchObject({ parameter: 'input' });
    expect(bufferUsage(modest)).toEqual(before);
    destroyDevice(modest);
  });

  it('names the layer whose settings it refuses', async () => {
    const before = bufferUsage(device);
    const broken = {
      ...tiny,
      layers: tiny.layers.map((layer) => (layer.name === 'norm' ? norm({ epsilon: 0 }) : layer)),
    };
    const state = createState(device, broken);
    const compiling = compile(state, { batch: 2 });
    await expect(compiling).rejects.toThrow(ShapeError);
    await expect(compiling).rejects.toMatchObject({ parameter: 'norm: epsilon', got: '0' });
    state.dispose();
    expect(bufferUsage(device)).toEqual(before);
  });
});

it('an arena larger than a buffer is several buffers', async () => {
  const modest = await modestDevice();
  const layers: Layer[] = ['a', 'b', 'c'].map((name) =>
    convolution({ name, outChannels: 32, kernel: [1, 1], padding: [0, 0] }),
  );
  layers.push(
    { kind: 'add', name: 'ab', inputs: ['a', 'b'] },
    { kind: 'add', name: 'abc', inputs: ['ab', 'c'] },
    pool({ kind: 'meanPool', inputs: ['abc'], kernel: 'global', stride: [1, 1] }),
  );
  const network: Network = { name: 'three', input: { height: 64, width: 64, channels: 1 }, layers };
  const state = createState(modest, network);
  writeState(state, randomState(network, 4));
  const before = bufferUsage(modest);
  // Three tensors of 100 MiB at a time, and a buffer takes 256 MiB.
  const inference = await compileInference(state, { batch: 200 });
  expect(inference.arenaBytes).toBeGreaterThan(modest.limits.maxBufferSize);
  const images = randomArray(200 * 64 * 64, 5);
  const logits = await inference.run(images);
  inference.dispose();
  expect(bufferUsage(modest)).toEqual(before);
  const single = await compileInference(state, { batch: 1 });
  for (const image of [0, 113, 199]) {
    const alone = await single.run(images.subarray(image * 64 * 64, (image + 1) * 64 * 64));
    expect(alone).toEqual(logits.subarray(image * 32, (image + 1) * 32));
  }
  destroyDevice(modest);
});

it('training names a batch norm that has but one value a channel', async () => {
  const pooled: Network = {
    ...tiny,
    layers: [
      pool({ kind: 'meanPool', inputs: ['input'], kernel: 'global', stride: [1, 1] }),
      { ...norm(), inputs: ['pool'] } as Layer,
    ],
  };
  const state = createState(device, pooled);
  const compiling = compileTraining(state, { batch: 1 });
  await expect(compiling).rejects.toMatchObject({ operation: 'batchNorm', parameter: 'norm: pixels' });
  state.dispose();
});
