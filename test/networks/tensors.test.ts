import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planInferenceIn } from '../../src/graph/half.js';
import type { Layer } from '../../src/graph/network.js';
import { randomState } from '../graph/networks.js';
import { convolution, networkOf, pool } from '../models/layers.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { disturbance, roundingBound } from '../support/rounding.js';
import { expectClose } from '../support/tolerance.js';
import { inferOnDevice, trainOnDevice } from './deviceRun.js';
import { tensorNetworks } from './tensorNetworks.js';
import { expectTraining, type TrainingTask } from './trainingRun.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

const batch = 3;
const sgd = { learningRate: 0.1, momentum: 0.9, weightDecay: 0, nesterov: true };

describe.each(tensorNetworks.map((network, index) => ({ name: network.name, network, seed: index + 51 })))('$name', ({
  network,
  seed,
}) => {
  const { height, width, channels } = network.input;
  const images = randomArray(batch * height * width * channels, 10 * seed);
  const labels = randomIntegers(batch, 10 * seed + 1, 5);
  const start = randomState(network, seed);
  start.forEach((_, parameter) => {
    if (parameter.endsWith('num_batches_tracked')) start.delete(parameter);
  });

  it('infers as float64 does', async () => {
    const logits = await inferOnDevice(device, network, start, images);
    const exact = networkForward(network, start, images, { training: false }).logits;
    const { parameters } = disturbance(network, batch, false, seed);
    const disturbed = networkForward(network, parameters(start), images, { training: false }).logits;
    expectClose(logits, exact, roundingBound(exact, [disturbed]), 'logits');
  });

  it('trains as float64 does', async () => {
    const task: TrainingTask = { network, start, images, labels, sgd, steps: 1 };
    const expectation = expectTraining(task);
    for (const [layer, excess] of expectation.exact.branches[0]!) {
      const bound = expectation.branchBound(0, layer);
      const near = Array.from(excess).filter((value, i) => value !== 0 && Math.abs(value) <= bound[i]!);
      expect(near, layer).toEqual([]);
    }
    const run = await trainOnDevice(device, task);
    expect([...run.values.keys()].sort()).toEqual([...expectation.exact.values.keys()].sort());
    for (const [tensor, values] of expectation.exact.values) {
      expectClose(run.values.get(tensor)!, values, expectation.bound(tensor), tensor);
    }
  });

  it('trains to the same bits when activations are computed again', async () => {
    const task: TrainingTask = { network, start, images, labels, sgd, steps: 2 };
    const kept = await trainOnDevice(device, task);
    const again = await trainOnDevice(device, task, { recompute: true });
    expect(again.values).toEqual(kept.values);
  });
});

describe('dispatches of inference', () => {
  const dispatches = (...layers: Layer[]): string[] =>
    planInferenceIn(networkOf(...layers), 1, {}, { subgroup: 32 }).forward.map(({ layer }) => layer);
  const affine = (name: string, input: string): Layer => ({ kind: 'affine', name, inputs: [input] });
  const conv = (name: string, input: string, one = false): Layer =>
    convolution({ name, inputs: [input], outChannels: 4, ...(one && { kernel: [1, 1], padding: [0, 0] }) });
  const norm: Layer = { kind: 'batchNorm', name: 'norm', inputs: ['conv'], epsilon: 1e-5, momentum: 0.1 };

  it('an affine layer costs none behind a convolution, with a batch norm between or not, and takes what is behind itself', () => {
    const first: Layer = { kind: 'relu', name: 'first', inputs: ['input'] };
    const behind: Layer[] = [
      { kind: 'add', name: 'add', inputs: ['affine', 'first'] },
      { kind: 'relu', name: 'relu', inputs: ['add'] },
    ];
    const run = (...layers: Layer[]) => dispatches(first, ...layers, ...behind);
    expect(run(conv('conv', 'input'), affine('affine', 'conv'))).toEqual(['first', 'conv']);
    expect(run(conv('conv', 'input'), norm, affine('affine', 'norm'))).toEqual(['first', 'conv']);
    expect(run(affine('affine', 'input'))).toEqual(['first', 'affine']);
  });

  it('squeeze and excitation is a mean, two small convolutions and a product', () => {
    const layers: Layer[] = [
      conv('conv', 'input'),
      pool({ kind: 'meanPool', name: 'squeeze', inputs: ['conv'], kernel: 'global', stride: [1, 1] }),
      conv('reduce', 'squeeze', true),
      { kind: 'relu', name: 'relu', inputs: ['reduce'] },
      conv('expand', 'relu', true),
      { kind: 'activation', name: 'gate', inputs: ['expand'], function: 'hardSigmoid' },
      { kind: 'multiply', name: 'excite', inputs: ['conv', 'gate'] },
    ];
    expect(dispatches(...layers)).toEqual(['conv', 'squeeze', 'reduce', 'expand', 'excite']);
  });
});
