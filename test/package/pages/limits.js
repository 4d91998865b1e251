// A device as it comes: WebGPU's default limits and no feature. Inference and some steps of training.
import { compileInference, createState, writeState } from './package/index.js';
import { initialParameters } from './package/models.js';
import { createTrainer } from './package/train.js';
import { show } from './show.js';

const network = {
  name: 'small',
  input: { height: 8, width: 8, channels: 1 },
  layers: [
    {
      ...{ name: 'conv', kind: 'convolution', inputs: ['input'], outChannels: 8, kernel: [3, 3], stride: [1, 1] },
      ...{ padding: [1, 1], dilation: [1, 1], groups: 1, bias: false, adjust: 'output' },
    },
    { name: 'norm', kind: 'batchNorm', inputs: ['conv'], epsilon: 1e-5, momentum: 0.1 },
    { name: 'relu', kind: 'relu', inputs: ['norm'] },
    { name: 'pool', kind: 'meanPool', inputs: ['relu'], kernel: 'global', stride: [1, 1], padding: [0, 0] },
    { name: 'classes', kind: 'dense', inputs: ['pool'], outFeatures: 10, bias: true },
  ],
};

await show(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter.requestDevice();
  const state = createState(device, network);
  writeState(state, initialParameters(network, 1));
  const inference = await compileInference(state, { batch: 1 });
  const logits = [...(await inference.run(Float32Array.from({ length: 64 }, (_, i) => Math.sin(i))))];

  const dataset = { name: 'noise', count: 16, height: 8, width: 8, channels: 1, classes: 10 };
  const images = Uint8Array.from({ length: 1024 }, (_, i) => (i * 89) % 256);
  const labels = Uint8Array.from({ length: 16 }, (_, i) => i % 10);
  const trainer = await createTrainer(state, {
    ...{ dataset: { ...dataset, images, labels }, normalisation: { mean: [0.5], deviation: [0.25] } },
    ...{ batch: 16, steps: 8, seed: 1, optimiser: { kind: 'sgd', learningRate: 0.05 }, schedule: { kind: 'constant' } },
  });
  const losses = [];
  await trainer.run({ onStep: ({ loss }) => losses.push(loss) });
  const { maxStorageBufferBindingSize, maxComputeInvocationsPerWorkgroup } = device.limits;
  const limits = { maxStorageBufferBindingSize, maxComputeInvocationsPerWorkgroup };
  return { features: [...device.features], limits, network, logits, losses };
});
