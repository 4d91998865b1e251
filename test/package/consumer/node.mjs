// What a Node program does with the package: the ReLU of three numbers on the adapter that is asked for.
import { createOperation, planRelu, readBuffer } from 'ic-networks';
import { openDevice } from 'ic-networks/node';

const { device, close } = await openDevice({ adapter: process.argv[2] });
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
process.stdout.write(JSON.stringify([...new Float32Array(await readBuffer(device, output))]));
relu.dispose();
close();
