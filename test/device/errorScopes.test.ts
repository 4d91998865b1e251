import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guard } from '../../src/device/errorScopes.js';
import { LimitError, ShapeError, UnsupportedError } from '../../src/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;
const uncaptured: string[] = [];

beforeAll(async () => {
  ({ device } = await testDevice());
  device.onuncapturederror = ({ error }) => uncaptured.push(error.message);
});

afterAll(async () => {
  await device.queue.onSubmittedWorkDone();
  await closeTestDevice();
});

function createPipeline(code: string): Promise<GPUComputePipeline> {
  return device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
}

function createFaultyBuffer(): GPUBuffer {
  return device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE });
}

/** Resolves where the stack of error scopes is empty: popping from it is an error. */
async function expectNoScope(): Promise<void> {
  await expect(device.popErrorScope()).rejects.toThrow();
}

describe('guard', () => {
  it('returns what the work returns or resolves to', async () => {
    expect(await guard(device, 'work', () => 7)).toBe(7);
    expect(await guard(device, 'work', async () => 8)).toBe(8);
    await expectNoScope();
  });

  it('turns faulty WGSL into an error with the place in the source', async () => {
    const failure = guard(device, 'conv2d', () => createPipeline('@compute @workgroup_size(1)\nfn main() { oops }'));

    await expect(failure).rejects.toThrow(UnsupportedError);
    await expect(failure).rejects.toThrow(/^conv2d: validation: .*:2:\d+/s);
    await expectNoScope();
  });

  it('turns a pipeline that is refused into an error', async () => {
    const code = 'override size: u32; @compute @workgroup_size(size) fn main() {}';
    const failure = guard(device, 'conv2d', () => createPipeline(code));

    await expect(failure).rejects.toThrow(UnsupportedError);
    await expect(failure).rejects.toThrow(/^conv2d: validation: /);
    await expectNoScope();
  });

  it('turns a refused call into an error', async () => {
    const failure = guard(device, 'buffer', createFaultyBuffer);

    await expect(failure).rejects.toThrow(UnsupportedError);
    await expect(failure).rejects.toMatchObject({ operation: 'buffer', parameter: 'validation' });
    await expectNoScope();
  });

  it('keeps errors of calls that run at the same time apart', async () => {
    const results = await Promise.allSettled([
      guard(device, 'first', createFaultyBuffer),
      guard(device, 'second', () => createPipeline('@compute @workgroup_size(1) fn main() {}')),
      guard(device, 'third', createFaultyBuffer),
    ]);

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    await expectNoScope();
  });

  it('passes on what the work throws, and pops its scopes', async () => {
    const thrown = new ShapeError({ operation: 'a', parameter: 'b', expected: 'c', got: 'd' });

    await expect(
      guard(device, 'work', () => {
        throw thrown;
      }),
    ).rejects.toBe(thrown);
    await expect(guard(device, 'work', () => Promise.reject(thrown))).rejects.toBe(thrown);
    await expectNoScope();
  });

  it('turns exhausted memory into a limit', async () => {
    const error = { message: 'not enough memory' } as GPUError;
    const scopes: GPUErrorFilter[] = [];
    const full = {
      lost: new Promise(() => {}),
      pushErrorScope: (filter: GPUErrorFilter) => scopes.push(filter),
      popErrorScope: async () => (scopes.pop() === 'out-of-memory' ? error : null),
    } as unknown as GPUDevice;

    const failure = guard(full, 'arena', () => undefined);
    await expect(failure).rejects.toThrow(LimitError);
    await expect(failure).rejects.toThrow('arena: out-of-memory: expected enough memory on the device, got not enough');
    expect(scopes).toEqual([]);
  });

  it('leaves nothing uncaptured', () => {
    expect(uncaptured).toEqual([]);
  });
});
