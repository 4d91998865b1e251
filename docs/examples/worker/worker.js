// Draws a moving pattern, sharpened by an IC convolution, on the canvas of a page, frame by frame. Import maps do not reach
// into workers: without a bundler they import by address.
import {
  bindPlan,
  compilePlan,
  createOperation,
  deviceTraits,
  imageTexture,
  planConvolution,
  planImageToTensor,
  planTensorToImage,
  requestDevice,
} from '../node_modules/ic-networks/dist/index.js';

const frames = 3;

self.addEventListener('message', async ({ data: canvas }) => {
  const { width, height } = canvas;
  const device = await requestDevice(await navigator.gpu.requestAdapter());
  const context = canvas.getContext('webgpu');
  context.configure({ device, format: 'rgba8unorm', usage: GPUTextureUsage.STORAGE_BINDING });
  const pattern = new OffscreenCanvas(width, height);
  const texture = imageTexture(device, drawPattern(pattern, 0));

  const tensor = (values) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: values.length * 4, usage });
    device.queue.writeBuffer(buffer, 0, Float32Array.from(values));
    return buffer;
  };
  const grey = { width, height, channels: 1 };
  const [input, output] = [tensor(new Float32Array(width * height)), tensor(new Float32Array(width * height))];
  const filter = tensor([0, -1, 0, -1, 5, -1, 0, -1, 0]);
  const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] };
  const shape = { batch: 1, inHeight: height, inWidth: width, inChannels: 1, outChannels: 1, groups: 1, ...windows };
  const plans = {
    read: planImageToTensor({ imageWidth: width, imageHeight: height, ...grey }),
    sharpen: planConvolution(shape, { adjust: 'output' }, deviceTraits(device)),
    draw: planTensorToImage(grey, { deviation: [0.5] }),
  };
  const read = await createOperation(device, plans.read, { image: texture, output: input });
  const sharpen = await createOperation(device, plans.sharpen, { input, filter, adjust: tensor([0.2]), output });

  const drawing = await compilePlan(device, plans.draw);

  for (let frame = 1; frame <= frames; frame++) {
    imageTexture(device, drawPattern(pattern, frame), texture);
    // The canvas gives another texture every frame, until the task ends: it is bound anew, what is compiled stays.
    const draw = bindPlan(drawing, { input: output, image: context.getCurrentTexture() });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const operation of [read, sharpen, draw]) operation.encode(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    self.postMessage({ frame, lost: await Promise.race([device.lost, false]) });
  }
});

function drawPattern(canvas, frame) {
  const context = canvas.getContext('2d');
  context.fillStyle = 'black';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = 'silver';
  for (let x = (frame * 3) % 16; x < canvas.width; x += 16) context.fillRect(x, 0, 8, canvas.height);
  return canvas;
}
