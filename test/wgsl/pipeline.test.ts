import { afterAll, beforeAll, expect, it } from 'vitest';
import { ShapeError, UnsupportedError } from '../../src/errors.js';
import type { KernelSource } from '../../src/wgsl/kernelSource.js';
import { cachedPipelines, kernelPipeline } from '../../src/wgsl/pipeline.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;

beforeAll(async () => {
  ({ device } = await testDevice());
});

afterAll(closeTestDevice);

const kernel: KernelSource = {
  name: 'fill',
  text: `
@group(0) @binding(0) var<storage, read_write> output: array<f32>;
@group(0) @binding(1) var<uniform> value: vec4<f32>;
@compute @workgroup_size(SIZE)
fn main(@builtin(global_invocation_id) id: vec3u) {
  output[id.x] = twice(value.x);
}`,
  shared: ['fn twice(value: f32) -> f32 { return 2.0 * value; }'],
};

it('compiles a kernel anew for other shared texts', () => {
  const shared = [...(kernel.shared ?? []), '// another variant'];
  const variant = kernelPipeline(device, { ...kernel, shared }, { SIZE: 32 });
  expect(kernelPipeline(device, kernel, { SIZE: 32 })).not.toBe(variant);
});

it('compiles a kernel once for every set of constants', async () => {
  const before = cachedPipelines(device);
  const first = kernelPipeline(device, kernel, { SIZE: 8 });
  expect(kernelPipeline(device, kernel, { SIZE: 8 })).toBe(first);
  const other = kernelPipeline(device, kernel, { SIZE: 16 });
  expect(other).not.toBe(first);
  expect(cachedPipelines(device)).toBe(before + 2);

  const compiled = await first;
  expect(compiled.label).toBe('fill(SIZE=8)');
  expect(compiled.pipeline.label).toBe('fill(SIZE=8)');
  expect(compiled.bindings).toEqual([
    { binding: 0, name: 'output', kind: 'storage', type: 'array<f32>' },
    { binding: 1, name: 'value', kind: 'uniform', type: 'vec4<f32>' },
  ]);
  expect((await other).pipeline).not.toBe(compiled.pipeline);
  expect(kernelPipeline(device, kernel, { SIZE: 8 })).toBe(first);
});

it.each([
  ['a call to nothing', { SIZE: 4 }, { ...kernel, name: 'broken', shared: [] }, /twice/],
  ['a workgroup beyond the device’s limit', { SIZE: 1_000_000 }, kernel, /./],
] as const)('says what the compiler says of %s, and keeps nothing', async (_, constants, source, message) => {
  const before = cachedPipelines(device);
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await kernelPipeline(device, source, constants).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedError);
    const said = { operation: source.name, parameter: 'kernel', expected: 'a kernel that this device compiles' };
    expect(error).toMatchObject({ ...said, got: expect.stringMatching(message) });
    expect((error as UnsupportedError).cause).toBeInstanceOf(Error);
  }
  expect(cachedPipelines(device)).toBe(before);
});

it('leaves no error scope open where the constants are refused', async () => {
  await expect(kernelPipeline(device, kernel, { SIZE: Number.NaN })).rejects.toThrow(ShapeError);
  await expect(device.popErrorScope()).rejects.toThrow();
});
