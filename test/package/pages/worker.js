// A ReLU of three numbers, in a worker of either kind.
import { createOperation, planRelu, readBuffer, requestDevice } from './package/index.js';

async function rectified() {
  const device = await requestDevice(await navigator.gpu.requestAdapter());
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [input, output] = [0, 1].map(() => device.createBuffer({ size: 12, usage }));
  device.queue.writeBuffer(input, 0, Float32Array.of(-1, 2, -3));
  const relu = await createOperation(device, planRelu(3), { input, output });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  relu.encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  return [...new Float32Array(await readBuffer(device, output))];
}

const answer = (port) =>
  rectified().then(
    (values) => port.postMessage(values),
    (error) => port.postMessage(String(error.stack ?? error)),
  );

if ('SharedWorkerGlobalScope' in self) self.addEventListener('connect', ({ ports: [port] }) => answer(port));
else answer(self);
