import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bufferUsage, createBuffer, destroyBuffer, readBuffer, writeBuffer } from '../../src/device/buffers.js';
import { LimitError, ShapeError } from '../../src/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;
let both: GPUBufferUsageFlags;

beforeAll(async () => {
  ({ device } = await testDevice());
  both = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
});

afterAll(closeTestDevice);

describe('createBuffer and destroyBuffer', () => {
  it('count buffers and bytes, rounded up to words', () => {
    expect(bufferUsage(device)).toEqual({ count: 0, bytes: 0 });
    const first = createBuffer(device, { label: 'first', size: 5, usage: both });
    const second = createBuffer(device, { label: 'second', size: 16, usage: both });
    expect(first.size).toBe(8);
    expect(bufferUsage(device)).toEqual({ count: 2, bytes: 24 });

    destroyBuffer(device, first);
    destroyBuffer(device, first);
    expect(bufferUsage(device)).toEqual({ count: 1, bytes: 16 });
    destroyBuffer(device, second);
    expect(bufferUsage(device)).toEqual({ count: 0, bytes: 0 });
  });

  it('let go of large buffers at once: one empty submit for all that are destroyed in a row', async () => {
    const submit = vi.spyOn(device.queue, 'submit');
    const sizes = [2 ** 20, 2 ** 21, 2 ** 20 - 4];
    const [first, second, small] = sizes.map((size) => createBuffer(device, { label: 'large', size, usage: both }));
    destroyBuffer(device, small!);
    await Promise.resolve();
    expect(submit).not.toHaveBeenCalled();
    for (const buffer of [first!, second!, second!]) destroyBuffer(device, buffer);
    await Promise.resolve();
    expect(submit.mock.calls).toEqual([[[]]]);
    submit.mockRestore();
  });

  it('refuses sizes that are no size or beyond the limit, and counts nothing', () => {
    for (const size of [0, -4, 1.5, Number.NaN]) {
      expect(() => createBuffer(device, { label: 'odd', size, usage: both })).toThrow(ShapeError);
    }
    const size = device.limits.maxBufferSize + 1;
    expect(() => createBuffer(device, { label: 'large', size, usage: both })).toThrow(LimitError);
    expect(() => createBuffer(device, { label: 'large', size, usage: both })).toThrow(/large.*maxBufferSize/);
    expect(bufferUsage(device)).toEqual({ count: 0, bytes: 0 });
  });
});

describe('writeBuffer and readBuffer', () => {
  it('bring back what was written, whole or in part', async () => {
    const range = fc.integer({ min: 1, max: 64 }).chain((words) =>
      fc.record({
        values: fc.array(fc.float({ noNaN: true }), { minLength: words, maxLength: words }),
        first: fc.integer({ min: 0, max: words - 1 }),
        before: fc.integer({ min: 0, max: 9 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(range, async ({ values, first, before }) => {
        const data = new Float32Array(values);
        const size = 4 * (before + data.length);
        const buffer = createBuffer(device, { label: 'data', size, usage: both });
        try {
          writeBuffer(device, buffer, data, 4 * before);
          const all = new Float32Array(await readBuffer(device, buffer));
          expect(all).toEqual(new Float32Array([...new Float32Array(before), ...data]));
          const rest = new Float32Array(await readBuffer(device, buffer, 4 * (before + first)));
          expect(rest).toEqual(data.slice(first));
          const one = new Float32Array(await readBuffer(device, buffer, 4 * (before + first), 4));
          expect(one).toEqual(data.slice(first, first + 1));
        } finally {
          destroyBuffer(device, buffer);
        }
      }),
      { numRuns: 20 },
    );
    expect(bufferUsage(device)).toEqual({ count: 0, bytes: 0 });
  });

  it('counts the buffer that is read through while it lives', async () => {
    const buffer = createBuffer(device, { label: 'data', size: 32, usage: both });
    const reading = readBuffer(device, buffer, 0, 16);
    expect(bufferUsage(device)).toEqual({ count: 2, bytes: 48 });
    await reading;
    expect(bufferUsage(device)).toEqual({ count: 1, bytes: 32 });
    destroyBuffer(device, buffer);
  });

  it('refuse ranges that do not fit, and buffers without the usage', async () => {
    const buffer = createBuffer(device, { label: 'data', size: 16, usage: both });
    for (const [offset, size] of [
      [2, 4],
      [-4, 4],
      [0, 6],
      [0, 20],
      [12, 8],
      [16, 0],
    ] as const) {
      await expect(readBuffer(device, buffer, offset, size)).rejects.toThrow(ShapeError);
      expect(() => writeBuffer(device, buffer, new Uint8Array(size), offset)).toThrow(ShapeError);
    }
    destroyBuffer(device, buffer);

    const closed = createBuffer(device, { label: 'closed', size: 16, usage: GPUBufferUsage.STORAGE });
    await expect(readBuffer(device, closed)).rejects.toThrow(/usage COPY_SRC on "closed"/);
    expect(() => writeBuffer(device, closed, new Uint8Array(4))).toThrow(/usage COPY_DST on "closed"/);
    destroyBuffer(device, closed);
  });

  it('frees what it read through where reading fails', async () => {
    const buffer = createBuffer(device, { label: 'gone', size: 16, usage: both });
    destroyBuffer(device, buffer);

    await expect(readBuffer(device, buffer)).rejects.toThrow(/readBuffer: validation: .*gone/s);
    expect(bufferUsage(device)).toEqual({ count: 0, bytes: 0 });
  });
});
