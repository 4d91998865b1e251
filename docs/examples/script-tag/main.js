// A picture on one canvas, its edges as an IC convolution sees them on another. No pixel goes through the CPU.
import {
  bindPlan,
  compilePlan,
  createOperation,
  deviceTraits,
  imageTexture,
  planConvolution,
  planImageToTensor,
  planTensorToImage,
  readBuffer,
  requestDevice,
} from 'ic-networks';

const [width, height, channels] = [64, 64, 3];
const device = await requestDevice(await navigator.gpu.requestAdapter());

// The picture: a white square.
const picture = document.querySelector('#picture');
const context = picture.getContext('2d');
context.fillStyle = 'white';
context.fillRect(16, 16, 32, 32);

// The canvas to draw on takes what a kernel writes.
const edges = document.querySelector('#edges').getContext('webgpu');
edges.configure({ device, format: 'rgba8unorm', usage: GPUTextureUsage.STORAGE_BINDING });

const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
const tensor = (elements) => device.createBuffer({ size: elements * 4, usage });
const pixels = tensor(width * height * channels);
const filtered = tensor(width * height * channels);

// One Laplacian a colour: filters are [height, width, input channels of a group, output channels].
const laplacian = [0, -1, 0, -1, 4, -1, 0, -1, 0];
const filter = tensor(9 * channels);
device.queue.writeBuffer(filter, 0, Float32Array.from(laplacian.flatMap((weight) => [weight, weight, weight])));
const adjust = tensor(channels);
device.queue.writeBuffer(adjust, 0, Float32Array.of(0.1, 0.1, 0.1));

const shape = {
  ...{ batch: 1, inHeight: height, inWidth: width, inChannels: channels, outChannels: channels, groups: channels },
  ...{ kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] },
};
const size = { width, height, channels };
const [read, convolve, drawing] = await Promise.all([
  createOperation(device, planImageToTensor({ imageWidth: width, imageHeight: height, ...size }), {
    image: imageTexture(device, picture),
    output: pixels,
  }),
  createOperation(device, planConvolution(shape, { adjust: 'output' }, deviceTraits(device)), {
    ...{ input: pixels, filter, adjust, output: filtered },
  }),
  compilePlan(device, planTensorToImage(size, { deviation: [0.25, 0.25, 0.25] })),
]);

// A canvas lends its texture until the task ends: it is bound where it is drawn on.
const draw = bindPlan(drawing, { input: filtered, image: edges.getCurrentTexture() });
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
for (const operation of [read, convolve, draw]) operation.encode(pass);
pass.end();
device.queue.submit([encoder.finish()]);

const values = new Float32Array(await readBuffer(device, filtered));
document.querySelector('output').textContent = Math.max(...values).toFixed(3);
