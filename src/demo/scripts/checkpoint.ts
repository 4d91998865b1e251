import { join } from 'node:path';
import { createState, writeState } from '../../graph/state.js';
import { channelStatistics } from '../../io/dataset.js';
import { initialParameters } from '../../models/initialise.js';
import { cifarResNet } from '../../models/resnet.js';
import { loadMnist, openDevice, writeAtomically } from '../../node.js';
import { encodeCheckpoint } from '../../train/checkpoint.js';
import { compileEvaluation } from '../../train/evaluation.js';
import { createTrainer } from '../../train/trainer.js';
import { drawnDigits } from '../data/digits.js';
import { distorted, joined } from './distort.js';

/*
 * Trains the digit network that ships with the demo, on MNIST and distorted copies of it, tests it on all 10,000 test images,
 * and writes checkpoint and accuracy into src/demo/models.
 */

const folder = 'src/demo/models';
const seed = 1;
const batch = 64;
const steps = Number(process.argv[2] ?? 4000);
const progressEvery = 100;

const say = (line: string) => process.stdout.write(`${line}\n`);

const { device, adapter, close } = await openDevice();
try {
  const { train, test } = await loadMnist();
  const network = cifarResNet({
    depth: 8,
    width: 8,
    ic: true,
    stemStride: 2,
    input: { height: 28, width: 28, channels: 1 },
  });
  const normalisation = channelStatistics(train);
  const dataset = joined(train, joined(distorted(train, seed), distorted(train, seed + 1)));
  const state = createState(device, network);
  writeState(state, initialParameters(network, seed));
  const trainer = await createTrainer(state, {
    dataset,
    normalisation,
    batch,
    steps,
    seed,
    optimiser: { kind: 'adamW', learningRate: 0.01, weightDecay: 0.01 },
    schedule: { kind: 'cosine', warmUp: 50 },
    augmentation: { padding: 2 },
  });
  say(`${network.name} on ${adapter.device || adapter.description}: ${steps} steps of ${batch} images`);
  let recent: number[] = [];
  await trainer.run({
    onStep({ step, loss }) {
      recent.push(loss);
      if (recent.length < progressEvery) return;
      say(`step ${step + 1}: loss ${(recent.reduce((sum, value) => sum + value, 0) / recent.length).toFixed(4)}`);
      recent = [];
    },
  });

  const evaluation = await compileEvaluation(state, { batch: 200 });
  const { accuracy, images } = await evaluation.run(test, normalisation);
  const drawn = await evaluation.run(drawnDigits('drawn digits', 2000, seed), normalisation);
  say(`${(accuracy * 100).toFixed(2)} % of ${images} MNIST test images right`);
  say(`${(drawn.accuracy * 100).toFixed(2)} % of 2000 drawn digits right`);
  await writeAtomically(join(folder, 'digits.safetensors'), await encodeCheckpoint(state, { normalisation }));
  const record = {
    network: network.name,
    accuracy,
    images,
    trainedOn: 'MNIST and distorted copies',
    steps,
    batch,
    seed,
  };
  await writeAtomically(join(folder, 'digits.json'), `${JSON.stringify(record, null, 2)}\n`);
} finally {
  close();
}
