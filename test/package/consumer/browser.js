// What a page does with the package: the ReLU of three numbers and the names in the other subpaths.
import { createOperation, planRelu, readBuffer, requestDevice } from 'ic-networks';
import { readIdx } from 'ic-networks/io';
import { kernels } from 'ic-networks/kernels';
import { networkByName } from 'ic-networks/models';
import { decodeOnnx } from 'ic-networks/onnx';
import { learningRateAt } from 'ic-networks/train';
import { memoryTuningStore } from 'ic-networks/tune';

async function run() {
  const device = await requestDevice(await navigator.gpu.requestAdapter());
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const input = device.createBuffer({ size: 12, usage });
  const output = device.createBuffer({ size: 12, usage });
  device.queue.writeBuffer(input, 0, Float32Array.of(-1, 2, -3));
  const relu = await createOperation(device, planRelu(3), { input, output });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  relu.encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const values = [...new Float32Array(await readBuffer(device, output))];
  return {
    values,
    kernel: kernels.activation.name,
    network: networkByName('ic-resnet20').name,
    functions: [readIdx, decodeOnnx, learningRateAt, memoryTuningStore].map((value) => typeof value),
  };
}

run().then(
  (result) => document.documentElement.setAttribute('data-result', JSON.stringify(result)),
  (error) => document.documentElement.setAttribute('data-result', String(error.stack ?? error)),
);
