import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkParameters } from '../../src/graph/parameters.js';
import type { ChooseForm } from '../../src/ops/forms.js';
import { goldenParameters } from '../golden/load.js';
import { networkForward } from '../reference/network.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { randomArray, randomIntegers } from '../support/random.js';
import { disturbance, roundingBound } from '../support/rounding.js';
import { expectClose } from '../support/tolerance.js';
import { inferOnDevice, trainRecorded } from './deviceRun.js';
import { deviceFamilies } from './familyNetworks.js';
import { crossings, expectTraining, type TrainingTask, trainReference } from './trainingRun.js';

const table: string[] = [];

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(async () => {
  process.stdout.write(`  share of bound\n${table.join('\n')}\n`);
  await closeTestDevice();
});

/** Forms of little text, since each shape of every network is a kernel to compile. */
const quickly: ChooseForm = ({ forms }) =>
  forms.find(({ body, family }) => body <= 40 && family !== 'winograd') ?? forms.at(-1)!;

const batch = 3;
const sgd = { learningRate: 0.1, momentum: 0.9, weightDecay: 0, nesterov: true };
const networks = Object.entries(deviceFamilies).flatMap(([family, make], index) =>
  [false, true].map((ic) => ({ name: `${ic ? 'ic-' : ''}${family}`, network: make(ic), seed: 2 * index + 1 })),
);

describe.each(networks)('$name', ({ name, network, seed }) => {
  const { height, width, channels } = network.input;
  const images = randomArray(batch * height * width * channels, 10 * seed);
  const labels = randomIntegers(batch, 10 * seed + 1, 5);
  const shapes = new Map(networkParameters(network).map((spec) => [spec.name, spec.shape]));
  const start = goldenParameters([...shapes.keys()], (parameter) => shapes.get(parameter)!);
  const note = (what: string, share: number) => table.push(`  ${share.toFixed(4)}  ${name}: ${what}`);

  it('infers as float64 does', async () => {
    const logits = await inferOnDevice(device, network, start, images);
    const exact = networkForward(network, start, images, { training: false }).logits;
    const { parameters } = disturbance(network, batch, false, seed);
    const disturbed = networkForward(network, parameters(start), images, { training: false }).logits;
    note('inference', expectClose(logits, exact, roundingBound(exact, [disturbed]), 'logits'));
  }, 120_000);

  it('trains as float64 does along the same branches', async () => {
    const task: TrainingTask = { network, start, images, labels, sgd, steps: 1 };
    const expectation = expectTraining(task);
    const run = await trainRecorded(device, task, quickly);
    for (const { layer, index, excess } of crossings(expectation.exact, run.branches)) {
      expect(Math.abs(excess), `${layer} takes another branch`).toBeLessThanOrEqual(
        expectation.branchBound(0, layer)[index]!,
      );
    }
    // Activations with bends do not show on which side they are: rounding decides that nowhere.
    for (const [layer, distances] of expectation.exact.branches[0]!) {
      if (run.branches[0]!.has(layer)) continue;
      const bound = expectation.branchBound(0, layer);
      expect(
        Array.from(distances).filter((distance, i) => distance <= bound[i]!),
        layer,
      ).toEqual([]);
    }
    const along = trainReference(task, { branches: run.branches });
    expect([...run.values.keys()].sort()).toEqual([...along.values.keys()].sort());
    const compared = [...along.values].map(([tensor, values]) => ({
      tensor,
      share: expectClose(run.values.get(tensor)!, values, expectation.bound(tensor), tensor),
    }));
    const worst = compared.reduce((most, one) => (one.share > most.share ? one : most));
    note(`training, ${compared.length} tensors, ${worst.tensor}`, worst.share);
  }, 240_000);
});
