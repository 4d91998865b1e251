import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bufferUsage, readBuffer } from '../../src/device/buffers.js';
import { type NodeDevice, openDevice } from '../../src/device/node.js';
import { DisposedError, ShapeError, UnsupportedError } from '../../src/errors.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { createOperation } from '../../src/ops/operation.js';
import { bindPlan, compilePlan, type OperationPlan, type PlanResource } from '../../src/ops/plan.js';
import { planAdd, planRelu } from '../../src/ops/pointwise.js';
import { deviceTraits } from '../../src/ops/traits.js';
import { convolutionReference } from '../reference/convolution.js';
import { catalogue } from '../support/catalogue.js';
import { closeTestDevice, testDevice } from '../support/device.js';
import { expectClose } from '../support/tolerance.js';

/** What an app of somebody else's relies on when it takes operations into its own passes. */

let device: GPUDevice;
const storage = 0x80 | 0x04 | 0x08;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

function bufferOf(values: readonly number[] | Float32Array, on = device, usage = storage): GPUBuffer {
  const buffer = on.createBuffer({ size: values.length * 4, usage, mappedAtCreation: true });
  new Float32Array(buffer.getMappedRange()).set(values);
  buffer.unmap();
  return buffer;
}

function submit(on: GPUDevice, work: (pass: GPUComputePassEncoder, encoder: GPUCommandEncoder) => void): void {
  const encoder = on.createCommandEncoder();
  const pass = encoder.beginComputePass();
  work(pass, encoder);
  pass.end();
  on.queue.submit([encoder.finish()]);
}

const floats = async (buffer: GPUBuffer, on = device) => [...new Float32Array(await readBuffer(on, buffer))];

/** A kernel of the app's own: doubles values in place. */
function foreignPipeline(): GPUComputePipeline {
  const code = `
    @group(0) @binding(0) var<storage, read_write> values: array<f32>;
    @group(1) @binding(0) var<uniform> factor: vec4<f32>;
    @compute @workgroup_size(4) fn run(@builtin(global_invocation_id) id: vec3u) { values[id.x] *= factor.x; }`;
  return device.createComputePipeline({ layout: 'auto', compute: { module: device.createShaderModule({ code }) } });
}

describe('Among commands of the app', () => {
  it('works between foreign dispatches in one pass, between other passes, copies and draws in one encoder', async () => {
    const pipeline = foreignPipeline();
    const values = bufferOf([1, -2, 3, -4]);
    const rectified = bufferOf([0, 0, 0, 0]);
    const copied = bufferOf([9, 9, 9, 9]);
    const factor = bufferOf([2, 0, 0, 0], device, GPUBufferUsage.UNIFORM);
    const group = (index: number, buffer: GPUBuffer) =>
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(index),
        entries: [{ binding: 0, resource: { buffer } }],
      });
    const relu = await createOperation(device, planRelu(4), { input: values, output: rectified });
    const canvas = device.createTexture({
      size: [4, 4],
      format: 'rgba8unorm',
      usage: GPUTextureUsage.RENDER_ATTACHMENT,
    });

    device.pushErrorScope('validation');
    const encoder = device.createCommandEncoder();
    const draw = encoder.beginRenderPass({
      colorAttachments: [{ view: canvas.createView(), loadOp: 'clear', storeOp: 'store' }],
    });
    draw.end();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group(0, values));
    pass.setBindGroup(1, group(1, factor));
    pass.dispatchWorkgroups(1);
    relu.encode(pass);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group(0, rectified));
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(rectified, 0, copied, 0, 16);
    device.queue.submit([encoder.finish()]);

    expect(await floats(copied)).toEqual([4, 0, 12, 0]);
    expect(await floats(values)).toEqual([2, -4, 6, -8]);
    expect(await device.popErrorScope()).toBeNull();
    relu.dispose();
  });

  it('respects offsets and sizes, and leaves what lies around alone', async () => {
    const arena = bufferOf(new Float32Array(256).fill(-7));
    device.queue.writeBuffer(arena, 256, Float32Array.of(1, -1, 2));
    const relu = await createOperation(device, planRelu(3), {
      input: { buffer: arena, offset: 256, size: 12 },
      output: { buffer: arena, offset: 512 },
    });
    submit(device, relu.encode);
    const after = await floats(arena);
    expect(after.slice(128, 131)).toEqual([1, 0, 2]);
    expect(new Set([...after.slice(0, 64), ...after.slice(67, 128), ...after.slice(131)])).toEqual(new Set([-7]));
  });

  it.each([
    ['an offset that is not aligned', { offset: 128 }, 'an offset that is a multiple of 256'],
    ['a negative offset', { offset: -256 }, 'an offset that is a multiple of 256'],
    ['an offset that is no number', { offset: Number.NaN }, 'an offset that is a multiple of 256'],
    ['a size that is no number', { size: Number.NaN }, 'at least 12 bytes'],
    ['an offset beyond the end', { offset: 1024 }, 'at least 12 bytes'],
  ])('refuses %s by name', async (_, place, expected) => {
    const compiled = await compilePlan(device, planRelu(3));
    const buffer = bufferOf(new Float32Array(256));
    const bind = () => bindPlan(compiled, { input: { buffer, ...place }, output: bufferOf([0, 0, 0]) });
    expect(bind).toThrow(ShapeError);
    expect(bind).toThrow(`relu: input: expected ${expected}`);
  });

  it('can be encoded any number of times, and by several passes before a submit', async () => {
    const sum = bufferOf([0, 0]);
    const one = bufferOf([1, 10]);
    const scratch = bufferOf([0, 0]);
    const add = await createOperation(device, planAdd(2), { left: sum, right: one, output: scratch });
    const back = await createOperation(device, planRelu(2), { input: scratch, output: sum });
    for (let run = 0; run < 3; run++) {
      submit(device, (pass) => {
        for (let time = 0; time < 4; time++) {
          add.encode(pass);
          back.encode(pass);
        }
      });
    }
    expect(await floats(sum)).toEqual([12, 120]);
  });
});

describe('Scratch', () => {
  const windows = { kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] } as const;
  const shape = { batch: 1, inHeight: 8, inWidth: 8, inChannels: 4, outChannels: 8, groups: 1, ...windows };
  const input = Float32Array.from({ length: 256 }, (_, i) => ((i * 37) % 19) / 9 - 1);
  const filter = Float32Array.from({ length: 288 }, (_, i) => ((i * 53) % 23) / 11 - 1);
  const winograd = () => planConvolution(shape, { family: 'winograd' }, deviceTraits(device));

  function expectConvolution(values: readonly number[]): void {
    const operands = { x: input, shape: [1, 8, 8, 4], filter, filterShape: [3, 3, 4, 8], mode: 'none' } as const;
    const reference = convolutionReference({ ...operands, ...windows, groups: 1 });
    expectClose(values, reference.y, 1e-4, 'winograd');
  }

  it('belongs to the operation where the caller gives none, and goes with it, alone', async () => {
    const operands = { input: bufferOf(input), filter: bufferOf(filter), output: bufferOf(new Float32Array(512)) };
    const before = bufferUsage(device);
    const first = await createOperation(device, winograd(), operands);
    const second = await createOperation(device, winograd(), operands);
    expect(first.scratchBytes).toBeGreaterThan(0);
    expect(bufferUsage(device)).toEqual({ count: before.count + 2, bytes: before.bytes + 2 * first.scratchBytes });

    first.dispose();
    first.dispose();
    expect(bufferUsage(device)).toEqual({ count: before.count + 1, bytes: before.bytes + second.scratchBytes });
    for (const work of [first.encode, first.prepare]) {
      expect(() => submit(device, work)).toThrow(DisposedError);
      expect(() => submit(device, work)).toThrow('operation: expected one in use, got a disposed one');
    }
    submit(device, second.encode);
    expectConvolution(await floats(operands.output));
    second.dispose();
    expect(bufferUsage(device)).toEqual(before);
    // The caller's buffers live on.
    expect(await floats(operands.input)).toEqual([...input]);
  });

  it('is the caller’s where they give it', async () => {
    const plan = winograd();
    const operands = { input: bufferOf(input), filter: bufferOf(filter), output: bufferOf(new Float32Array(512)) };
    const scratch = Object.entries(plan.operands).filter(([, { use }]) => use === 'scratch');
    const given = Object.fromEntries(scratch.map(([name, { bytes }]) => [name, bufferOf(new Float32Array(bytes / 4))]));
    const before = bufferUsage(device);
    const operation = await createOperation(device, plan, { ...operands, ...given });
    expect(operation.scratchBytes).toBe(0);
    expect(bufferUsage(device)).toEqual(before);
    submit(device, operation.encode);
    expectConvolution(await floats(operands.output));
  });

  it('is freed where the operation cannot be had', async () => {
    const before = bufferUsage(device);
    const small = bufferOf([0]);
    const operands = { input: small, filter: bufferOf(filter), output: bufferOf(new Float32Array(512)) };
    await expect(createOperation(device, winograd(), operands)).rejects.toThrow(
      'conv2d: input: expected at least 1024 bytes, got 4 bytes',
    );
    expect(bufferUsage(device)).toEqual(before);
  });
});

describe('Every operation', () => {
  /** Whatever the plan wants, filled with zeros. */
  function resourcesFor({ operands, textures = {} }: OperationPlan): Record<string, PlanResource> {
    const buffers = Object.entries(operands)
      .filter(([, { use }]) => use !== 'scratch' && use !== 'prepared')
      .map(([name, { bytes, use }]) => {
        const usage = use === 'uniform' ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE;
        return [name, device.createBuffer({ size: bytes, usage })];
      });
    const asked = Object.entries(textures).filter(([, { use }]) => use === undefined);
    const images = asked.map(([name, { width, height }]) => {
      const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.STORAGE_BINDING;
      return [name, device.createTexture({ size: [width, height], format: 'rgba8unorm', usage })];
    });
    return Object.fromEntries([...buffers, ...images]);
  }

  const families = ['naive', 'subgroup', 'tiled', 'winograd'] as const;
  // Dawn in Node has no frames to make an external texture of; test/browser/images.test.ts reads one.
  const plans = () => {
    const half = device.features.has('shader-f16');
    return Object.values(catalogue(deviceTraits(device), families))
      .flat()
      .filter(({ textures = {} }) => Object.values(textures).every(({ kind }) => kind !== 'externalTexture'))
      .filter(({ operands }) => half || Object.values(operands).every(({ precision }) => precision !== 'float16'));
  };

  it('is encoded without submitting, writing, mapping, destroying, or an error scope left behind', async () => {
    const calls: string[] = [];
    const record = <T extends object>(target: T, ...names: (keyof T & string)[]) =>
      names.map((name) => {
        const original = target[name] as (...parameters: unknown[]) => unknown;
        return vi.spyOn(target as Record<string, () => unknown>, name).mockImplementation((...parameters) => {
          calls.push(name);
          return original.apply(target, parameters);
        });
      });
    const scopes = record(device, 'pushErrorScope', 'popErrorScope');
    const spies = record(device.queue, 'submit', 'writeBuffer', 'writeTexture', 'onSubmittedWorkDone');
    const destroyed = vi.spyOn(Object.getPrototypeOf(bufferOf([0])) as GPUBuffer, 'destroy');
    try {
      for (const plan of plans()) {
        const resources = resourcesFor(plan);
        calls.length = 0;
        const operation = await createOperation(device, plan, resources);
        const opened = calls.filter((name) => name === 'pushErrorScope').length;
        expect(
          calls.filter((name) => name === 'popErrorScope'),
          plan.operation,
        ).toHaveLength(opened);
        expect(
          calls.filter((name) => !name.endsWith('ErrorScope')),
          plan.operation,
        ).toEqual([]);

        calls.length = 0;
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        operation.prepare(pass);
        operation.encode(pass);
        pass.end();
        expect(calls, plan.operation).toEqual([]);
        expect(destroyed).not.toHaveBeenCalled();

        device.queue.submit([encoder.finish()]);
        operation.dispose();
        const buffers = Object.values(plan.operands).some(({ use }) => use === 'scratch' || use === 'prepared');
        expect(destroyed).toHaveBeenCalledTimes(buffers ? 1 : 0);
        destroyed.mockClear();
        for (const resource of Object.values(resources)) (resource as GPUBuffer).destroy();
        destroyed.mockClear();
      }
    } finally {
      for (const spy of [...scopes, ...spies, destroyed]) spy.mockRestore();
    }
  });

  it('passes validation in a scope of the app’s, which gets the app’s own errors and no others', async () => {
    for (const plan of plans()) {
      device.pushErrorScope('validation');
      const operation = await createOperation(device, plan, resourcesFor(plan));
      submit(device, (pass) => {
        operation.prepare(pass);
        operation.encode(pass);
      });
      expect((await device.popErrorScope())?.message, plan.operation).toBeUndefined();
      operation.dispose();
    }
    device.pushErrorScope('validation');
    const operation = await createOperation(device, planRelu(4), resourcesFor(planRelu(4)));
    device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    operation.dispose();
    expect(await device.popErrorScope()).not.toBeNull();
  });
});

describe('Two devices at once', () => {
  let other: NodeDevice;

  beforeAll(async () => {
    other = await openDevice({ adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto' });
  });

  afterAll(() => other.close());

  it('run the same plan side by side, each on its own buffers', async () => {
    const plan = planAdd(3);
    const runs = [device, other.device].map(async (on, index) => {
      const operands = { left: bufferOf([1, 2, 3], on), right: bufferOf([index, index, index], on) };
      const output = bufferOf([0, 0, 0], on);
      const add = await createOperation(on, plan, { ...operands, output });
      return { on, add, output };
    });
    const ready = await Promise.all(runs);
    for (const { on, add } of ready) submit(on, add.encode);
    const sums = await Promise.all(ready.map(({ on, output }) => floats(output, on)));
    expect(sums).toEqual([
      [1, 2, 3],
      [2, 3, 4],
    ]);
    ready[0]!.add.dispose();
    submit(other.device, ready[1]!.add.encode);
    expect(await floats(ready[1]!.output, other.device)).toEqual([2, 3, 4]);
  });

  it('do not share buffers: that of the other device is refused', async () => {
    const operands = { input: bufferOf([1], other.device), output: bufferOf([0]) };
    const error = await createOperation(device, planRelu(1), operands).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({ operation: 'relu', parameter: 'validation' });
  });
});
