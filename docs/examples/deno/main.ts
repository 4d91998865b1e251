// Trains an IC network in Deno on a data set, keeps it in a file, and asks it for the class of a picture; everything by path.
// Arguments: a folder of MNIST's kind (docs/pictures.md), the picture, the adapter, `auto` where left out. Deno has WebGPU itself.
import process from 'node:process';
import { compileInference, createState, type Network, writeState } from 'ic-networks';
import { channelStatistics, pictureInput } from 'ic-networks/io';
import { initialParameters } from 'ic-networks/models';
import { decodePicture, loadCheckpoint, loadImageFolder, openDevice, writeAtomically } from 'ic-networks/node';
import { createTrainer, encodeCheckpoint, restoreState } from 'ic-networks/train';

const [folder = 'data', picturePath = 'picture.png', wanted = 'auto'] = process.argv.slice(2);
const { device, adapter, close } = await openDevice({ adapter: wanted });
process.stderr.write(`${adapter.description}${adapter.software ? ', in software' : ''}\n`);

const { train } = await loadImageFolder(folder);
const { height, width, channels, classes } = train;
const square = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 } as const;
const network: Network = {
  name: 'small',
  input: { height, width, channels },
  layers: [
    {
      ...{ name: 'conv', kind: 'convolution', inputs: ['input'], outChannels: 16, kernel: [3, 3], ...square },
      ...{ bias: false, adjust: 'output' },
    },
    { name: 'norm', kind: 'batchNorm', inputs: ['conv'], epsilon: 1e-5, momentum: 0.1 },
    { name: 'relu', kind: 'relu', inputs: ['norm'] },
    { name: 'pool', kind: 'meanPool', inputs: ['relu'], kernel: 'global', stride: [1, 1], padding: [0, 0] },
    { name: 'classes', kind: 'dense', inputs: ['pool'], outFeatures: classes, bias: true },
  ],
};
const state = createState(device, network);
writeState(state, initialParameters(network, 1));

const normalisation = channelStatistics(train);
const trainer = await createTrainer(state, {
  dataset: train,
  normalisation,
  batch: 16,
  steps: 40,
  seed: 1,
  optimiser: { kind: 'adamW', learningRate: 0.05 },
  schedule: { kind: 'constant' },
});
const losses: number[] = [];
await trainer.run({ onStep: ({ loss }) => losses.push(loss) });
await writeAtomically('checkpoint.safetensors', await encodeCheckpoint(state, { trainer, normalisation }));
trainer.dispose();
state.dispose();

const checkpoint = await loadCheckpoint('checkpoint.safetensors');
const restored = restoreState(device, checkpoint);
const inference = await compileInference(restored, { batch: 1 });
const picture = await decodePicture(picturePath);
const crop = { resize: Math.min(height, width), crop: { height, width } };
const logits = await inference.run(pictureInput(picture, crop, checkpoint.normalisation ?? normalisation));
const found = { losses, logits: [...logits], class: logits.indexOf(Math.max(...logits)) };
process.stdout.write(`${JSON.stringify(found)}\n`);
inference.dispose();
restored.dispose();
close();
