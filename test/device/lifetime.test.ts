import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createBuffer, destroyBuffer, readBuffer, writeBuffer } from '../../src/device/buffers.js';
import { lifetime } from '../../src/device/lifetime.js';
import { openDevice } from '../../src/device/node.js';
import { DisposedError } from '../../src/errors.js';
import { closeTestDevice, testDevice } from '../support/device.js';

let device: GPUDevice;
beforeAll(async () => {
  ({ device } = await testDevice());
});
afterAll(closeTestDevice);

it('a lifetime ends once, and with it those that need it', () => {
  const free = vi.fn();
  const [ground, house] = [lifetime(device, 'ground', free), lifetime(device, 'house', free)];
  const flat = lifetime(device, 'flat', () => {}, ground, house);
  flat.assertUsable('live');

  house.dispose();
  house.dispose();
  expect(free).toHaveBeenCalledTimes(1);
  ground.assertUsable('live');
  expect(() => flat.assertUsable('live')).toThrow(DisposedError);
  expect(() => flat.assertUsable('live')).toThrow('live: house: expected one in use, got a disposed one');
  flat.dispose();
  expect(() => flat.assertUsable('live')).toThrow('live: flat: expected one in use, got a disposed one');
});

it('a lifetime ends with its device', async () => {
  const opened = await openDevice({ adapter: 'software' });
  const life = lifetime(opened.device, 'thing', () => {});
  opened.close();
  expect(() => life.assertUsable('work')).toThrow(DisposedError);
});

it('a buffer that is destroyed is neither read nor written', async () => {
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = createBuffer(device, { label: 'data', size: 16, usage });
  destroyBuffer(device, buffer);
  expect(() => writeBuffer(device, buffer, new Uint8Array(16))).toThrow(DisposedError);
  await expect(readBuffer(device, buffer)).rejects.toThrow(DisposedError);
  await expect(readBuffer(device, buffer)).rejects.toThrow(
    'readBuffer: buffer "data": expected one in use, got a disposed',
  );
});
