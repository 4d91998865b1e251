// TensorFlow.js and this package on one device: TensorFlow.js prepares a picture, an IC convolution works on its buffer, and
// TensorFlow.js goes on with the result. Nothing is copied and nothing is read back in between. Argument: the adapter.

import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs-core';
import { createOperation, deviceTraits, planConvolution } from 'ic-networks';
import { openDevice } from 'ic-networks/node';

const { device, gpu, close } = await openDevice({ adapter: process.argv[2] ?? 'auto' });
// In Node TensorFlow.js looks for a navigator; a browser has one.
Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node' }, configurable: true });
tf.registerBackend('webgpu', () => new WebGPUBackend(device, device.adapterInfo));
await tf.setBackend('webgpu');
// TensorFlow.js computes small tensors on the CPU unless told otherwise; those have no buffer to hand over.
tf.env().set('WEBGPU_CPU_FORWARD', false);

const [side, channels] = [8, 4];
const picture = tf.tidy(() => tf.mul(tf.ones([1, side, side, channels]), tf.scalar(0.5)));
const filter = tf.tidy(() => tf.mul(tf.ones([3, 3, channels, channels]), tf.scalar(1 / 9)));

// From TensorFlow.js: dataToGPU hands out the tensor's values in a buffer that we can bind.
const [given, givenFilter] = [picture.dataToGPU(), filter.dataToGPU()];

// To TensorFlow.js: a buffer of ours becomes a tensor as it is.
const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
const adjust = device.createBuffer({ size: channels * 4, usage });
device.queue.writeBuffer(adjust, 0, new Float32Array(channels).fill(0.02));
const output = device.createBuffer({ size: side * side * channels * 4, usage });
const result = tf.tensor({ buffer: output, zeroCopy: true }, [1, side, side, channels], 'float32');

const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
const sizes = { batch: 1, inHeight: side, inWidth: side, inChannels: channels, outChannels: channels, groups: 1 };
const plan = planConvolution({ ...sizes, ...windows }, { adjust: 'output' }, deviceTraits(device));
const convolution = await createOperation(device, plan, {
  ...{ input: given.buffer, filter: givenFilter.buffer, adjust, output },
});
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
convolution.encode(pass);
pass.end();
device.queue.submit([encoder.finish()]);

// One queue: what TensorFlow.js computes from here on comes after ours.
const largest = await tf.max(result).data();
const mean = await tf.mean(result).data();
process.stdout.write(`${JSON.stringify({ largest: largest[0], mean: mean[0] })}\n`);
given.tensorRef.dispose();
convolution.dispose();
close();
