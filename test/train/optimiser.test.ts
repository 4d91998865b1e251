import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bufferUsage, createBuffer, destroyBuffer, readBuffer, writeBuffer } from '../../src/device/buffers.js';
import { ShapeError } from '../../src/errors.js';
import { createState, type NetworkState } from '../../src/graph/state.js';
import { layoutState } from '../../src/graph/stateLayout.js';
import { parameterBlock } from '../../src/ops/parameterBlock.js';
import { compileOptimiser, type OptimiserOptions } from '../../src/train/optimiser.js';
import { defaultGroups, groupTables, type ParameterGroup } from '../../src/train/parameterGroups.js';
import { adamWStepReference, clipByGlobalNormReference, sgdStepReference } from '../reference/optimisers.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray } from '../support/random.js';
import { expectClose } from '../support/tolerance.js';
import { adamW, freshState, sgd, smallNetwork } from './smallTraining.js';

const layout = layoutState(smallNetwork);
const defaults = { weightDecay: 0.5, momentum: 0.75, beta2: 0.875 };

/** The settings that a parameter gets. */
function settingsOf(groups: readonly ParameterGroup[], name: string): number[] {
  const { settings, blocks } = groupTables(layout, groups, defaults);
  const { offset, count } = layout.trained.find((entry) => entry.name === name)!;
  const first = offset / parameterBlock;
  const own = new Set(blocks.slice(first, first + Math.ceil(count / parameterBlock)));
  expect(own.size).toBe(1);
  const [group] = own;
  return [...settings.slice(group! * 4, group! * 4 + 4)];
}

describe('parameter groups', () => {
  it('let recalibration weights learn slowly and only filters and dense weights decay, by default', () => {
    const groups = defaultGroups();
    for (const name of ['conv1.weight', 'conv2.weight', 'fc.weight']) {
      expect(settingsOf(groups, name), name).toEqual([1, 0.5, 0.75, 0.875]);
    }
    for (const name of ['norm.weight', 'norm.bias', 'conv2.bias', 'fc.bias']) {
      expect(settingsOf(groups, name), name).toEqual([1, 0, 0.75, 0.875]);
    }
    for (const name of ['conv1.adjust', 'conv2.adjust']) {
      expect(settingsOf(groups, name), name).toEqual([Math.fround(0.01), 0, 0.75, 0.875]);
      expect(settingsOf(defaultGroups(0.25), name)[0], name).toBe(0.25);
    }
  });

  it('take a parameter in the first group that wants it, and leave the rest as the optimiser has it', () => {
    const groups: ParameterGroup[] = [
      { parameters: ({ name }) => name === 'conv1.weight', learningRateFactor: 0 },
      { parameters: ({ layer }) => layer === 'conv1', momentum: 0.25, weightDecay: 2 },
    ];
    expect(settingsOf(groups, 'conv1.weight')).toEqual([0, 0.5, 0.75, 0.875]);
    expect(settingsOf(groups, 'conv1.adjust')).toEqual([1, 2, 0.25, 0.875]);
    expect(settingsOf(groups, 'fc.bias')).toEqual([1, 0.5, 0.75, 0.875]);
    expect(settingsOf([], 'fc.bias')).toEqual([1, 0.5, 0.75, 0.875]);
  });
});

describe('an optimiser', () => {
  let device: GPUDevice;
  beforeAll(async () => {
    ({ device } = await testDevice());
  });
  afterAll(closeTestDevice);

  const groups: ParameterGroup[] = [
    { parameters: ({ role }) => role === 'adjust', learningRateFactor: 0.5, weightDecay: 0 },
    { parameters: ({ layer }) => layer === 'fc', learningRateFactor: 2, weightDecay: 0.5 },
  ];
  const factors = { learningRate: 0.05, weightDecay: 0.125 };
  const groupOf = (role: string, layer: string): typeof factors => {
    if (role === 'adjust') return { learningRate: 0.025, weightDecay: 0 };
    return layer === 'fc' ? { learningRate: 0.1, weightDecay: 0.5 } : factors;
  };

  it.each([
    { kind: 'sgd', momentum: 0.8, ...factors, groups },
    { kind: 'sgd', momentum: 0.8, nesterov: true, clipNorm: 0.5, ...factors, groups },
    { kind: 'adamW', beta1: 0.7, beta2: 0.9, epsilon: 1e-3, ...factors, groups },
    { kind: 'adamW', clipNorm: 0.5, ...factors, groups },
  ] as OptimiserOptions[])('of %o takes three steps as its reference does', async (options) => {
    const before = bufferUsage(device);
    const state = freshState(device);
    const expected = new Map(layout.trained.map(({ name }) => [name, new Float64Array(0)]));
    const start = new Float32Array(await readBuffer(device, state.trained));
    const moments = layout.trained.map(({ count }) => [new Float64Array(count), new Float64Array(count)] as const);
    for (const { name, offset, count } of layout.trained) {
      expected.set(name, Float64Array.from(start.subarray(offset, offset + count)));
    }
    const gradients: Float32Array[] = [];
    for (let step = 0; step < 3; step++) {
      const flat = new Float32Array(layout.trainedCount);
      for (const { offset, count } of layout.trained) flat.set(randomArray(count, 10 * step + offset), offset);
      gradients.push(flat);
      const slices = layout.trained.map(({ offset, count }) =>
        Float64Array.from(flat.subarray(offset, offset + count)),
      );
      if (options.clipNorm !== undefined) clipByGlobalNormReference(slices, options.clipNorm);
      layout.trained.forEach(({ name, role, layer }, index) => {
        const [first, second] = moments[index]!;
        const own = groupOf(role, layer);
        if (options.kind === 'sgd') {
          const { momentum = 0.9, nesterov = false } = options;
          sgdStepReference(expected.get(name)!, slices[index]!, first, { ...own, momentum, nesterov });
        } else {
          const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
          const settings = { ...own, beta1, beta2, epsilon };
          adamWStepReference(expected.get(name)!, slices[index]!, { first, second }, step + 1, settings);
        }
      });
    }

    const after = await takeSteps(state, options, gradients);
    for (const { name, offset, count } of layout.trained) {
      expectClose(after.subarray(offset, offset + count), expected.get(name)!, 2e-6, `${options.kind} ${name}`);
    }
    state.dispose();
    expect(bufferUsage(device)).toEqual(before);
  });

  async function takeSteps(
    state: NetworkState,
    options: OptimiserOptions,
    gradients: readonly Float32Array[],
  ): Promise<Float32Array> {
    const shared = sharedBuffers();
    const optimiser = await compileOptimiser(state, options, shared);
    for (const [step, values] of gradients.entries()) {
      writeBuffer(device, shared.gradients, values as Float32Array<ArrayBuffer>);
      writeBuffer(device, shared.stepState, optimiser.stepState(step, options.learningRate));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      optimiser.encodeCheck(pass);
      optimiser.encode(pass);
      pass.end();
      device.queue.submit([encoder.finish()]);
    }
    const after = new Float32Array(await readBuffer(device, state.trained));
    optimiser.dispose();
    for (const buffer of Object.values(shared)) destroyBuffer(device, buffer);
    return after;
  }

  function sharedBuffers(): Record<'gradients' | 'stepState' | 'status', GPUBuffer> {
    const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    return {
      gradients: createBuffer(device, { label: 'gradients', size: layout.trainedCount * 4, usage: storage }),
      status: createBuffer(device, { label: 'status', size: 8, usage: storage }),
      stepState: createBuffer(device, {
        label: 'step state',
        size: 16,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      }),
    };
  }

  const anyParameter = () => true;
  it.each([
    ['learningRate', { ...sgd, learningRate: -1 }],
    ['learningRate', { ...adamW, learningRate: Number.NaN }],
    ['weightDecay', { ...sgd, weightDecay: -0.1 }],
    ['weightDecay', { ...adamW, weightDecay: Number.POSITIVE_INFINITY }],
    ['clipNorm', { ...sgd, clipNorm: 0 }],
    ['clipNorm', { ...adamW, clipNorm: Number.NaN }],
    ['momentum', { ...sgd, momentum: 1 }],
    ['momentum', { ...sgd, momentum: 0, nesterov: true }],
    ['beta1', { ...adamW, beta1: 1 }],
    ['beta2', { ...adamW, beta2: -0.5 }],
    ['epsilon', { ...adamW, epsilon: 0 }],
    ['epsilon', { ...adamW, epsilon: Number.POSITIVE_INFINITY }],
    ['groups[0].learningRateFactor', { ...sgd, groups: [{ parameters: anyParameter, learningRateFactor: -1 }] }],
    [
      'groups[1].weightDecay',
      { ...sgd, groups: [...defaultGroups().slice(0, 1), { parameters: anyParameter, weightDecay: -1 }] },
    ],
    ['groups[0].momentum', { ...sgd, groups: [{ parameters: anyParameter, momentum: 1 }] }],
    // Bias correction is one for all parameters.
    ['groups[0].momentum', { ...adamW, groups: [{ parameters: anyParameter, momentum: 0.5 }] }],
  ] as [string, OptimiserOptions][])('refuses a wrong %s and leaves no buffers behind', async (parameter, options) => {
    const state = createState(device, smallNetwork);
    const shared = sharedBuffers();
    const before = bufferUsage(device);
    const error = await compileOptimiser(state, options, shared).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ShapeError);
    expect(error).toMatchObject({ parameter });
    expect(bufferUsage(device)).toEqual(before);
    for (const buffer of Object.values(shared)) destroyBuffer(device, buffer);
    state.dispose();
  });
});
