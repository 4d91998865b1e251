// Two versions of the package in one page, at once, on one device, one reading what the other one leaves.
import * as older from './older/index.js';
import * as olderModels from './older/models.js';
import * as newer from './package/index.js';
import * as newerModels from './package/models.js';
import { show } from './show.js';

const image = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));

async function network(core, { cifarResNet, initialParameters }, device) {
  const network = cifarResNet({ depth: 8, ic: true, input: { height: 8, width: 8, channels: 1 } });
  const state = core.createState(device, network);
  core.writeState(state, initialParameters(network, 1));
  const inference = await core.compileInference(state, { batch: 1 });
  return { inference, state, logits: [...(await inference.run(image))] };
}

await show(async () => {
  const device = await newer.requestDevice(await navigator.gpu.requestAdapter());
  const [first, second] = await Promise.all([network(older, olderModels, device), network(newer, newerModels, device)]);
  const output = device.createBuffer({ size: 40, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const relu = await newer.createOperation(device, newer.planRelu(10), { input: first.inference.output, output });
  const { input } = first.inference;
  device.queue.writeBuffer(input.buffer, input.offset, image);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  first.inference.encode(pass);
  relu.encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const rectified = [...new Float32Array(await newer.readBuffer(device, output))];
  first.inference.dispose();
  first.state.dispose();
  const again = [...(await second.inference.run(image))];
  return { apart: older.planRelu !== newer.planRelu, logits: [first.logits, second.logits, again], rectified };
});
