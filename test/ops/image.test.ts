import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuffer } from '../../src/device/buffers.js';
import { guard } from '../../src/device/errorScopes.js';
import { ShapeError } from '../../src/errors.js';
import {
  type ImageToTensorOptions,
  type ImageToTensorShape,
  planImageToTensor,
  planTensorToImage,
} from '../../src/ops/image.js';
import { bindPlan, compilePlan } from '../../src/ops/plan.js';
import { resampleReference } from '../reference/image.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { expectClose } from '../support/tolerance.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

/** Bytes of a picture [height, width, 4] whose neighbouring pixels differ. */
function picture(width: number, height: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: width * height * 4 }, (_, i) => (i * 151 + ((i >> 3) % 7) * 31) % 256);
}

function textureOf(width: number, height: number, usage = GPUTextureUsage.TEXTURE_BINDING): GPUTexture {
  const texture = device.createTexture({
    size: [width, height],
    format: 'rgba8unorm',
    usage: usage | GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC,
  });
  device.queue.writeTexture({ texture }, picture(width, height), { bytesPerRow: width * 4 }, [width, height]);
  return texture;
}

async function toTensor(
  shape: ImageToTensorShape,
  options: ImageToTensorOptions,
  texture = textureOf(shape.imageWidth, shape.imageHeight),
): Promise<Float32Array> {
  const plan = planImageToTensor(shape, options);
  const compiled = await compilePlan(device, plan);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const output = device.createBuffer({ size: plan.operands.output!.bytes, usage });
  await guard(device, 'test', () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    bindPlan(compiled, { image: texture, output }).encode(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
  });
  const values = new Float32Array(await readBuffer(device, output));
  output.destroy();
  texture.destroy();
  return values;
}

/** What the tensor has to hold: the reference's values, channels picked and normalised in float64. */
function expected(
  shape: ImageToTensorShape,
  box: readonly [number, number, number, number],
  { antialias = true, mean = [0, 0, 0, 0], deviation = [1, 1, 1, 1] }: ImageToTensorOptions = {},
): Float64Array {
  const { imageWidth, imageHeight, width, height, channels } = shape;
  const pixels = Float64Array.from(picture(imageWidth, imageHeight), (byte) => byte / 255);
  const resampled = resampleReference(pixels, 4, { imageWidth, imageHeight, width, height, box, antialias });
  return Float64Array.from({ length: width * height * channels }, (_, i) => {
    const pixel = resampled.subarray(Math.floor(i / channels) * 4);
    const channel = i % channels;
    const value = channels === 1 ? 0.299 * pixel[0]! + 0.587 * pixel[1]! + 0.114 * pixel[2]! : pixel[channel]!;
    return (value - mean[channel]!) / deviation[channel]!;
  });
}

/** Weights are as exact as centres, which lie within a few roundings of 32; some 100 pixels are averaged at most. */
const bound = 2e-5;

describe('planImageToTensor', () => {
  const size = (imageWidth: number, imageHeight: number, width: number, height: number, channels: 1 | 3 | 4 = 3) => ({
    ...{ imageWidth, imageHeight, width, height, channels },
  });

  it.each([
    ['copies where nothing is resized', size(7, 5, 7, 5, 4)],
    ['enlarges', size(3, 5, 11, 7)],
    ['makes smaller by whole and broken factors', size(32, 23, 8, 5)],
    ['makes one side smaller, the other larger', size(31, 4, 5, 9)],
    ['makes one pixel of all', size(13, 11, 1, 1)],
    ['takes the luminance for one channel', size(9, 9, 4, 4, 1)],
  ])('%s', async (name, shape) => {
    const whole = [0, 0, shape.imageWidth, shape.imageHeight] as const;
    expectClose(await toTensor(shape, {}), expected(shape, whole), bound, name);
  });

  it('interpolates without averaging where antialiasing is off', async () => {
    const shape = size(32, 24, 5, 7);
    const values = await toTensor(shape, { antialias: false });
    expectClose(values, expected(shape, [0, 0, 32, 24], { antialias: false }), bound, 'no antialiasing');
    expect(values).not.toEqual(await toTensor(shape, {}));
  });

  it('takes a region, whose edge still sees the pixels around it', async () => {
    const shape = size(32, 24, 6, 6);
    const values = await toTensor(shape, { region: { x: 4.5, y: 3, width: 20, height: 15.25 } });
    expectClose(values, expected(shape, [4.5, 3, 20, 15.25]), bound, 'region');
  });

  it('covers the tensor with the middle of a wide and of a tall picture', async () => {
    const wide = size(30, 10, 5, 5);
    expectClose(await toTensor(wide, { fit: 'cover' }), expected(wide, [10, 0, 10, 10]), bound, 'wide');
    const tall = size(10, 31, 4, 5);
    expectClose(await toTensor(tall, { fit: 'cover' }), expected(tall, [0, 9.25, 10, 12.5]), bound, 'tall');
  });

  it('contains the picture, with 0 before normalisation around it', async () => {
    const shape = size(20, 10, 10, 10);
    const options = { fit: 'contain', mean: [0.5, 0.25, 0], deviation: [2, 1, 1] } as const;
    const values = await toTensor(shape, options);
    const reference = expected(shape, [0, -5, 20, 20], options);
    for (let y = 0; y < 10; y++) {
      if (y >= 2.5 && y < 7) continue;
      for (let i = 0; i < 30; i++) reference[y * 30 + i] = [-0.25, -0.25, 0][i % 3]!;
    }
    const inner = reference.subarray(3 * 30, 7 * 30);
    expectClose(values.subarray(3 * 30, 7 * 30), inner, bound, 'contained');
    expectClose(values.subarray(0, 2 * 30), reference.subarray(0, 2 * 30), 1e-6, 'above');
    expectClose(values.subarray(8 * 30), reference.subarray(8 * 30), 1e-6, 'below');
  });

  it('normalises channel by channel', async () => {
    const shape = size(16, 16, 7, 7);
    const options = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
    expectClose(await toTensor(shape, options), expected(shape, [0, 0, 16, 16], options), 5 * bound, 'normalised');
  });

  it('keeps a pixel that is not finite out of those for which it has no weight', async () => {
    const texture = device.createTexture({
      size: [5, 3],
      format: 'rgba32float',
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
    });
    const pixels = Float32Array.from({ length: 60 }, (_, i) => (Math.floor(i / 4) === 7 ? Number.NaN : i));
    device.queue.writeTexture({ texture }, pixels, { bytesPerRow: 5 * 16 }, [5, 3]);
    expect(await toTensor(size(5, 3, 5, 3, 4), {}, texture)).toEqual(pixels);
  });

  it.each([
    ['channels', { ...size(4, 4, 2, 2), channels: 2 as 1 }, {}],
    ['width', size(4, 4, 0, 2), {}],
    ['imageHeight', size(4, 1.5, 2, 2), {}],
    ['region', size(4, 4, 2, 2), { region: { x: 1, y: 0, width: 4, height: 4 } }],
    ['mean', size(4, 4, 2, 2), { mean: [0] }],
    ['deviation', size(4, 4, 2, 2), { deviation: [1, 0, 1] }],
  ])('refuses %s', (parameter, shape, options) => {
    expect(() => planImageToTensor(shape, options)).toThrow(
      expect.objectContaining({ name: 'ShapeError', operation: 'imageToTensor', parameter }),
    );
  });

  it('compiles for external textures', async () => {
    const compiled = await compilePlan(device, planImageToTensor(size(4, 4, 2, 2), { source: 'external' }));
    expect(compiled.pipelines[0]!.bindings[0]).toMatchObject({ name: 'image', kind: 'externalTexture' });
    const texture = textureOf(4, 4);
    const output = device.createBuffer({ size: 48, usage: GPUBufferUsage.STORAGE });
    expect(() => bindPlan(compiled, { image: texture, output })).toThrow('expected an external texture');
  });
});

describe('planTensorToImage', () => {
  async function toBytes(channels: 1 | 3 | 4, values: Float32Array<ArrayBuffer>, options = {}): Promise<Uint8Array> {
    const [width, height] = [64, 2];
    const compiled = await compilePlan(device, planTensorToImage({ width, height, channels }, options));
    const input = device.createBuffer({
      size: values.byteLength,
      usage: GPUBufferUsage.STORAGE,
      mappedAtCreation: true,
    });
    new Float32Array(input.getMappedRange()).set(values);
    input.unmap();
    const image = textureOf(width, height, GPUTextureUsage.STORAGE_BINDING);
    const read = device.createBuffer({
      size: width * height * 4,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    await guard(device, 'test', () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      bindPlan(compiled, { image: image.createView(), input }).encode(pass);
      pass.end();
      encoder.copyTextureToBuffer({ texture: image }, { buffer: read, bytesPerRow: width * 4 }, [width, height]);
      device.queue.submit([encoder.finish()]);
    });
    return new Uint8Array(await readBuffer(device, read));
  }

  it.each([1, 3, 4] as const)('writes %i channels', async (channels) => {
    const values = Float32Array.from({ length: 128 * channels }, (_, i) => (i % 41) / 20 - 0.5);
    const bytes = await toBytes(channels, values, {
      mean: [0.1, 0.2, 0.3, 0.4].slice(0, channels),
      deviation: [1, 0.5, 2, 0.75].slice(0, channels),
    });
    const reference = Array.from({ length: 512 }, (_, i) => {
      const channel = channels === 1 && i % 4 < 3 ? 0 : i % 4;
      if (channel >= channels) return 255;
      const value = values[Math.floor(i / 4) * channels + channel]!;
      return 255 * Math.min(Math.max(value * [1, 0.5, 2, 0.75][channel]! + [0.1, 0.2, 0.3, 0.4][channel]!, 0), 1);
    });
    expectClose(bytes, reference, 0.51, `${channels} channels`);
  });

  it('refuses textures that do not fit, by name', async () => {
    const compiled = await compilePlan(device, planTensorToImage({ width: 8, height: 4, channels: 1 }));
    const input = device.createBuffer({ size: 128, usage: GPUBufferUsage.STORAGE });
    const bind = (image?: GPUTexture | GPUBuffer) => () => bindPlan(compiled, { input, image });
    const storage = GPUTextureUsage.STORAGE_BINDING;
    const half = device.createTexture({ size: [8, 4], format: 'rgba16float', usage: storage });
    expect(bind()).toThrow(ShapeError);
    expect(bind()).toThrow('tensorToImage: image: expected a texture, got none');
    expect(bind(input)).toThrow('expected a texture, got a buffer');
    expect(bind(textureOf(8, 4))).toThrow('expected a texture with STORAGE_BINDING usage');
    expect(bind(textureOf(8, 3, storage))).toThrow('expected at least 8 x 4 pixels, got 8 x 3');
    expect(bind(half)).toThrow('expected the format rgba8unorm, got rgba16float');
    expect(bind(textureOf(8, 4, storage))).not.toThrow();
  });
});
