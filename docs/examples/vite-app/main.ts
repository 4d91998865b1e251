// Trains a small IC network in the page to tell upright stripes from level ones, and tests it on pictures it has not seen.
import { createState, type Network, requestDevice, writeState } from 'ic-networks';
import { channelStatistics, type ImageDataset } from 'ic-networks/io';
import { initialParameters } from 'ic-networks/models';
import { compileEvaluation, createTrainer } from 'ic-networks/train';

const side = 12;

const windows = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;

/** A network is data: layers by name, each with the layers it reads. ResNets come from ic-networks/models. */
const network: Network = {
  name: 'stripes',
  input: { height: side, width: side, channels: 1 },
  layers: [
    {
      ...{ name: 'conv', kind: 'convolution', inputs: ['input'], outChannels: 8, kernel: [3, 3], ...windows },
      ...{ bias: true, adjust: 'output' },
    },
    { name: 'relu', kind: 'relu', inputs: ['conv'] },
    { name: 'pool', kind: 'meanPool', inputs: ['relu'], kernel: 'global', stride: [1, 1], padding: [0, 0] },
    { name: 'classes', kind: 'dense', inputs: ['pool'], outFeatures: 2, bias: true },
  ],
};

/** Stripes of random width, brightness and place, with noise. */
function stripes(count: number): ImageDataset {
  const images = new Uint8Array(count * side * side);
  const labels = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    const upright = n % 2;
    const [wide, start, bright] = [2 + Math.random() * 2, Math.random() * 4, 120 + Math.random() * 80];
    for (let i = 0; i < side * side; i++) {
      const along = upright ? i % side : Math.floor(i / side);
      const lit = Math.floor((along + start) / wide) % 2;
      images[n * side * side + i] = lit * bright + Math.random() * 50;
    }
    labels[n] = upright;
  }
  return { name: 'stripes', count, height: side, width: side, channels: 1, classes: 2, images, labels };
}

async function main(): Promise<void> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('This browser gives no WebGPU adapter.');
  const device = await requestDevice(adapter);
  const state = createState(device, network);
  writeState(state, initialParameters(network, 1));

  const dataset = stripes(256);
  const normalisation = channelStatistics(dataset);
  const trainer = await createTrainer(state, {
    ...{ dataset, normalisation, batch: 32, steps: 60, seed: 1 },
    optimiser: { kind: 'adamW', learningRate: 0.03 },
    schedule: { kind: 'constant' },
  });
  const losses: number[] = [];
  await trainer.run({
    onStep({ loss }) {
      losses.push(loss);
      document.querySelector('#loss')!.textContent = losses.map((value) => value.toFixed(3)).join(' ');
    },
  });
  trainer.dispose();

  const evaluation = await compileEvaluation(state, { batch: 32 });
  const { accuracy } = await evaluation.run(stripes(64), normalisation);
  document.querySelector('output')!.textContent = accuracy.toFixed(3);
}

await main();
