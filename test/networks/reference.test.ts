import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomState } from '../graph/networks.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { disturbance, roundingBound } from '../support/rounding.js';
import { expectClose } from '../support/tolerance.js';
import { activationNetworks } from './activationNetworks.js';
import { inferOnDevice, trainOnDevice } from './deviceRun.js';
import { smallNetworks } from './smallNetworks.js';
import { tensorNetworks } from './tensorNetworks.js';
import { expectTraining, type TrainingTask } from './trainingRun.js';
import { windowNetworks } from './windowNetworks.js';

const table: string[] = [];

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(async () => {
  process.stdout.write(`  share of bound\n${table.join('\n')}\n`);
  await closeTestDevice();
});

const batch = 3;
const sgd = { learningRate: 0.1, momentum: 0.9, weightDecay: 0, nesterov: true };

const networks = [...smallNetworks, ...windowNetworks, ...activationNetworks, ...tensorNetworks];

describe.each(networks.map((network, index) => ({ name: network.name, network, seed: index + 1 })))('$name', ({
  name,
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
  const note = (what: string, share: number) => table.push(`  ${share.toFixed(4)}  ${name}: ${what}`);

  it('infers as float64 does', async () => {
    const logits = await inferOnDevice(device, network, start, images);
    const exact = networkForward(network, start, images, { training: false }).logits;
    const { parameters } = disturbance(network, batch, false, seed);
    const disturbed = networkForward(network, parameters(start), images, { training: false }).logits;
    note('inference', expectClose(logits, exact, roundingBound(exact, [disturbed]), 'logits'));
  });

  it.each([0, 0.2])('trains as float64 does, with label smoothing %s', async (smoothing) => {
    const task: TrainingTask = { network, start, images, labels, smoothing, sgd, steps: 1 };
    const expectation = expectTraining(task);
    // On this data rounding decides nowhere which branch is taken; sums of zeros are zero in float32 too.
    for (const [layer, excess] of expectation.exact.branches[0]!) {
      const bound = expectation.branchBound(0, layer);
      const near = Array.from(excess).filter((value, i) => value !== 0 && Math.abs(value) <= bound[i]!);
      expect(near, layer).toEqual([]);
    }
    const run = await trainOnDevice(device, task);
    const unreached = [...run.values.keys()].filter((tensor) => !expectation.exact.values.has(tensor));
    for (const tensor of unreached) {
      expect(tensor).toMatch(/^grad\.nowhere/);
      expect(run.values.get(tensor)).toEqual(new Float32Array(run.values.get(tensor)!.length));
    }
    const compared = [...expectation.exact.values].map(([tensor, values]) => ({
      tensor,
      share: expectClose(run.values.get(tensor)!, values, expectation.bound(tensor), tensor),
    }));
    const worst = compared.reduce((most, one) => (one.share > most.share ? one : most));
    note(`training, smoothing ${smoothing}, ${compared.length} tensors, ${worst.tensor}`, worst.share);
  });

  it('trains to the same bits when activations are computed again', async () => {
    const task: TrainingTask = { network, start, images, labels, sgd, steps: 2 };
    const kept = await trainOnDevice(device, task);
    const again = await trainOnDevice(device, task, { recompute: true });
    expect(again.values).toEqual(kept.values);
  });
});
