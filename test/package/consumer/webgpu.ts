// A program that calls WebGPU itself, in a page: an operation on buffers of its own.
import { createOperation, planRelu, readBuffer, requestDevice } from 'ic-networks';

export async function relu(values: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('no adapter');
  const device: GPUDevice = await requestDevice(adapter);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [input, output] = [0, 1].map(() => device.createBuffer({ size: values.byteLength, usage })) as [
    GPUBuffer,
    GPUBuffer,
  ];
  device.queue.writeBuffer(input, 0, values);
  const operation = await createOperation(device, planRelu(values.length), { input, output });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  operation.encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  return new Float32Array(await readBuffer(device, output));
}
