import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as core from '../../src/index.js';
import type * as models from '../../src/models.js';
import { initialParameters, networkByName } from '../../src/models.js';
import { networkForward } from '../reference/network.js';
import { openPackagePage, type PackagePage } from '../support/packagePage.js';
import { expectClose } from '../support/tolerance.js';

/** What a page has: the package, and a picture on a canvas with its bytes. */
declare const given: {
  readonly core: typeof core;
  readonly models: typeof models;
  readonly device: GPUDevice;
  readonly canvas: OffscreenCanvas;
  readonly data: readonly number[];
  /** What the plan makes of a picture, which is bound in the task that submits. */
  tensorOf(plan: core.OperationPlan, image: () => core.PlanResource): Promise<number[]>;
};

const script = `
  import * as core from './dist/index.js';
  import * as models from './dist/models.js';
  const device = await core.requestDevice(await navigator.gpu.requestAdapter());
  const canvas = new OffscreenCanvas(24, 16);
  const context = canvas.getContext('2d');
  const gradient = context.createLinearGradient(0, 0, 24, 16);
  gradient.addColorStop(0, 'teal');
  gradient.addColorStop(1, 'orange');
  context.fillStyle = gradient;
  context.fillRect(0, 0, 24, 16);
  const data = [...context.getImageData(0, 0, 24, 16).data];
  async function tensorOf(plan, image) {
    const compiled = await core.compilePlan(device, plan);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const output = device.createBuffer({ size: plan.operands.output.bytes, usage });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    core.bindPlan(compiled, { image: image(), output }).encode(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
    return [...new Float32Array(await core.readBuffer(device, output))];
  }
  globalThis.given = { core, models, device, canvas, data, tensorOf };`;

let opened: PackagePage;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  opened = await openPackagePage(script, {}, { videoFrames: true });
  ({ page, complaints } = opened);
  await page.waitForFunction(() => 'given' in globalThis);
});
afterAll(() => opened?.close());

describe('A video frame', () => {
  it('becomes a tensor as an external texture, and by way of an ImageBitmap', async () => {
    const { data, external, bitmap } = await page.evaluate(async () => {
      const { core, device, canvas, data, tensorOf } = given;
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const texture = core.imageTexture(device, await createImageBitmap(frame));
      const size = { imageWidth: 24, imageHeight: 16, width: 24, height: 16, channels: 3 } as const;
      const external = await tensorOf(core.planImageToTensor(size, { source: 'external' }), () =>
        device.importExternalTexture({ source: frame }),
      );
      const bitmap = await tensorOf(core.planImageToTensor(size), () => texture);
      frame.close();
      return { data, external, bitmap };
    });
    const colours = data.filter((_, index) => index % 4 < 3);
    expect(new Set(colours).size).toBeGreaterThan(50);
    for (const values of [external, bitmap]) {
      expect(values).toHaveLength(colours.length);
      const errors = values.map((value, index) => Math.abs(value * 255 - colours[index]!));
      expect(Math.max(...errors)).toBeLessThan(0.6);
    }
    expect(complaints).toEqual([]);
  });

  it('is resized and normalised alike from both, in the layout of software decoders, too', async () => {
    const { differences, spread } = await page.evaluate(async () => {
      const { core, device, tensorOf } = given;
      // A ramp of luminance, and two colours side by side.
      const bytes = Uint8Array.from({ length: 24 * 16 * 1.5 }, (_, i) =>
        i < 24 * 16 ? 40 + 8 * (i % 24) : i % 12 < 6 ? 110 : 150,
      );
      const colorSpace = { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', fullRange: false } as const;
      const init = { format: 'I420', codedWidth: 24, codedHeight: 16, timestamp: 0, colorSpace } as const;
      const frame = new VideoFrame(bytes, init);
      const texture = core.imageTexture(device, await createImageBitmap(frame));
      const size = { imageWidth: 24, imageHeight: 16, width: 9, height: 7, channels: 3 } as const;
      const options = { fit: 'cover', mean: [0.4, 0.5, 0.6], deviation: [0.2, 0.25, 0.3] } as const;
      const external = await tensorOf(core.planImageToTensor(size, { ...options, source: 'external' }), () =>
        device.importExternalTexture({ source: frame }),
      );
      const bitmap = await tensorOf(core.planImageToTensor(size, options), () => texture);
      frame.close();
      return {
        differences: external.map((value, index) => Math.abs(value - bitmap[index]!)),
        spread: Math.max(...bitmap) - Math.min(...bitmap),
      };
    });
    expect(differences).toHaveLength(9 * 7 * 3);
    expect(spread).toBeGreaterThan(1);
    // Two steps of a byte, divided by the least deviation.
    expect(Math.max(...differences)).toBeLessThan(2 / 255 / 0.2);
    expect(complaints).toEqual([]);
  });
});

describe('Frames of a video', () => {
  it('go through three networks on one device, frame by frame in one pass, and leave nothing behind', async () => {
    const names = ['resnet8', 'ic-resnet8', 'ic-resnet14'] as const;
    const input = { height: 32, width: 32, channels: 3 };
    const { logits, tensors, usage } = await page.evaluate(
      async ({ names, input }) => {
        const { core, models, device } = given;
        const size = {
          imageWidth: 64,
          imageHeight: 48,
          width: input.width,
          height: input.height,
          channels: 3,
        } as const;
        const read = await core.compilePlan(device, core.planImageToTensor(size, { source: 'external', fit: 'cover' }));
        const networks = [];
        for (const name of names) {
          const network = models.networkByName(name, { classes: 10, input });
          const state = core.createState(device, network);
          core.writeState(state, models.initialParameters(network, 1));
          networks.push(await core.compileInference(state, { batch: 1 }));
        }
        const floats = async ({ buffer, offset, size }: { buffer: GPUBuffer; offset: number; size: number }) => [
          ...new Float32Array(await core.readBuffer(device, buffer, offset, size)),
        ];
        const usageOfTensor = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
        const tensor = device.createBuffer({ size: input.height * input.width * 12, usage: usageOfTensor });
        const canvas = new OffscreenCanvas(64, 48);
        const context = canvas.getContext('2d')!;
        const [logits, tensors, usage]: [number[][][], number[][], core.BufferUsage[]] = [[], [], []];
        for (let time = 0; time < 4; time++) {
          context.fillStyle = 'teal';
          context.fillRect(0, 0, 64, 48);
          context.fillStyle = 'orange';
          context.fillRect(time * 12, 8, 20, 24);
          const frame = new VideoFrame(canvas, { timestamp: time });
          const image = device.importExternalTexture({ source: frame });
          const encoder = device.createCommandEncoder();
          const pass = encoder.beginComputePass();
          for (const network of networks) {
            core.bindPlan(read, { image, output: network.input }).encode(pass);
            network.encode(pass);
          }
          core.bindPlan(read, { image, output: tensor }).encode(pass);
          pass.end();
          device.queue.submit([encoder.finish()]);
          frame.close();
          tensors.push([...new Float32Array(await core.readBuffer(device, tensor))]);
          logits.push(await Promise.all(networks.map(({ output }) => floats(output))));
          usage.push(core.bufferUsage(device));
        }
        for (const network of networks) network.dispose();
        return { logits, tensors, usage };
      },
      { names, input },
    );
    expect(new Set(tensors.map((tensor) => JSON.stringify(tensor))).size).toBe(4);
    expect(usage).toEqual(new Array(4).fill(usage[0]));
    for (const [index, name] of names.entries()) {
      const network = networkByName(name, { classes: 10, input });
      const values = initialParameters(network, 1);
      for (const [time, tensor] of tensors.entries()) {
        const exact = networkForward(network, values, Float32Array.from(tensor), { training: false });
        const scale = Math.max(1, ...exact.logits.map(Math.abs));
        expectClose(Float32Array.from(logits[time]![index]!), exact.logits, 1e-4 * scale, `${name}, frame ${time}`);
      }
    }
    expect(complaints).toEqual([]);
  });
});

describe('A WebGPU canvas', () => {
  it('becomes a tensor in the task that draws it', async () => {
    const values = await page.evaluate(async () => {
      const { core, device, tensorOf } = given;
      const context = new OffscreenCanvas(8, 8).getContext('webgpu')!;
      const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.TEXTURE_BINDING;
      context.configure({ device, format: 'rgba8unorm', usage });
      const size = { imageWidth: 8, imageHeight: 8, width: 2, height: 2, channels: 3 } as const;
      return tensorOf(core.planImageToTensor(size), () => {
        const texture = context.getCurrentTexture();
        const encoder = device.createCommandEncoder();
        const colour = { view: texture.createView(), clearValue: [0.2, 0.4, 0.8, 1] };
        encoder.beginRenderPass({ colorAttachments: [{ ...colour, loadOp: 'clear', storeOp: 'store' }] }).end();
        device.queue.submit([encoder.finish()]);
        return texture;
      });
    });
    expect(values).toHaveLength(12);
    values.forEach((value, index) => {
      expect(value).toBeCloseTo([0.2, 0.4, 0.8][index % 3]!, 3);
    });
    expect(complaints).toEqual([]);
  });
});
