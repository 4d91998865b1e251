// Classifies a batch of pictures with an IC-ResNet in Node. Argument: the adapter, `auto` where left out.
import { compileInference, createState, writeState } from 'ic-networks';
import { initialParameters, networkByName } from 'ic-networks/models';
import { openDevice } from 'ic-networks/node';

const { device, adapter, close } = await openDevice({ adapter: process.argv[2] ?? 'auto' });
const network = networkByName('ic-resnet8');
const state = createState(device, network);
// Random weights; those of a checkpoint come from readSafetensors of ic-networks/io.
writeState(state, initialParameters(network, 1));

const batch = 4;
const inference = await compileInference(state, { batch });
const [, height, width, channels] = inference.inputShape;
const pictures = Float32Array.from({ length: batch * height * width * channels }, (_, i) => Math.sin(i / 7));
const logits = await inference.run(pictures);

const classes = inference.outputShape.at(-1);
const best = Array.from({ length: batch }, (_, n) => {
  const row = logits.subarray(n * classes, (n + 1) * classes);
  return row.indexOf(Math.max(...row));
});
process.stdout.write(`${JSON.stringify({ adapter: adapter.description, dispatches: inference.dispatches, best })}\n`);
inference.dispose();
close();
