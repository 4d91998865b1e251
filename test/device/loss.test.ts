import { afterEach, describe, expect, it } from 'vitest';
import { createBuffer, destroyBuffer, readBuffer, writeBuffer } from '../../src/device/buffers.js';
import { assertAlive, requestDevice, subgroupsOf, whenLost } from '../../src/device/device.js';
import { guard } from '../../src/device/errorScopes.js';
import { type NodeDevice, openDevice } from '../../src/device/node.js';
import { DeviceLostError, DisposedError } from '../../src/errors.js';

let opened: NodeDevice;

async function open(): Promise<GPUDevice> {
  opened = await openDevice({ adapter: 'software' });
  return opened.device;
}

afterEach(() => opened.close());

const description = () => ({ label: 'data', size: 16, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });

describe('a lost device', () => {
  it('is refused by everything at once after closing', async () => {
    const device = await open();
    const buffer = createBuffer(device, description());
    opened.close();

    expect(() => assertAlive(device, 'conv2d')).toThrow(DisposedError);
    expect(() => assertAlive(device, 'conv2d')).toThrow(
      /^conv2d: device: expected a working device, got a closed one$/,
    );
    expect(() => createBuffer(device, description())).toThrow(DisposedError);
    expect(() => writeBuffer(device, buffer, new Uint8Array(16))).toThrow(DisposedError);
    await expect(readBuffer(device, buffer)).rejects.toThrow(DisposedError);
    await expect(guard(device, 'work', () => 1)).rejects.toThrow(DisposedError);
    opened.close();
    expect(() => assertAlive(device, 'conv2d')).toThrow(DisposedError);
    destroyBuffer(device, buffer);
  });

  it('is known to be lost where its owner destroyed it', async () => {
    const device = await open();
    assertAlive(device, 'conv2d');
    device.destroy();

    expect(await whenLost(device)).toMatchObject({ reason: 'destroyed' });
    expect(() => assertAlive(device, 'conv2d')).toThrow(DeviceLostError);
    expect(() => assertAlive(device, 'conv2d')).toThrow(/^conv2d: device: .*\(destroyed: /);
  });

  it('ends a reading that is under way', async () => {
    const device = await open();
    const buffer = createBuffer(device, description());
    const reading = readBuffer(device, buffer);
    device.destroy();

    await expect(reading).rejects.toThrow(DeviceLostError);
  });

  it('ends guarded work that is under way', async () => {
    const device = await open();
    const work = guard(device, 'work', () => device.lost.then(() => 'never seen'));
    opened.close();

    await expect(work).rejects.toThrow(DisposedError);
  });
});

describe('requestDevice', () => {
  it('refuses an adapter that has given its device', async () => {
    await open();
    const adapter = (await opened.gpu.requestAdapter())!;
    const device = await requestDevice(adapter, { label: 'first' });
    expect(device.label).toBe('first');

    await expect(requestDevice(adapter)).rejects.toThrow(DeviceLostError);
    device.destroy();
  });

  it('leaves out what it is told to', async () => {
    await open();
    const adapter = (await opened.gpu.requestAdapter())!;
    expect([...adapter.features]).toEqual(expect.arrayContaining(['subgroups', 'timestamp-query']));
    const device = await requestDevice(adapter, { without: ['subgroups'] });
    expect(device.features.has('subgroups')).toBe(false);
    expect(device.features.has('timestamp-query')).toBe(true);
    device.destroy();
  });
});

describe('subgroupsOf', () => {
  it('is the size where it is fixed', async () => {
    const device = await open();
    expect(device.adapterInfo.subgroupMinSize).toBe(device.adapterInfo.subgroupMaxSize);
    expect(subgroupsOf(device)).toEqual({ size: device.adapterInfo.subgroupMinSize, pinned: false });
  });

  it('is unknown where it varies or there are no subgroups', async () => {
    await open();
    const plain = await (await opened.gpu.requestAdapter())!.requestDevice();
    expect(subgroupsOf(plain)).toBeUndefined();
    plain.destroy();

    const varying = { features: new Set(['subgroups']), adapterInfo: { subgroupMinSize: 8, subgroupMaxSize: 32 } };
    expect(subgroupsOf(varying as unknown as GPUDevice)).toBeUndefined();
  });
});
