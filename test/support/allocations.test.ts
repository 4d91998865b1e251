import { expect, it } from 'vitest';
import { countAllocations } from './allocations.js';

it('counts arrays that are made, copied and changed, and no views', async () => {
  const bytes = await countAllocations(async () => {
    const made = new Float32Array(10);
    made.slice(0, 5).map((value) => value + 1);
    await Promise.resolve();
    Uint8Array.of(1, 2, 3);
    new Uint8Array(made.buffer, 4, 8).subarray(2);
    new Float64Array(new ArrayBuffer(16));
    expect(made).toBeInstanceOf(Float32Array);
  });
  expect(bytes).toBe(40 + 20 + 20 + 3 + 16);
});

it('counts no longer than it is asked to', async () => {
  const { Float32Array: before } = globalThis;
  await expect(countAllocations(() => Promise.reject(new Error('work')))).rejects.toThrow('work');
  expect(Float32Array).toBe(before);
  expect(Float32Array.prototype.constructor).toBe(before);
});
