import { afterAll, describe, expect, it } from 'vitest';
import { describeAdapter } from '../../src/device/adapter.js';
import { type NodeDevice, openDevice } from '../../src/device/node.js';
import { DeviceLostError } from '../../src/errors.js';

const opened: NodeDevice[] = [];

async function open(adapter: string): Promise<NodeDevice> {
  const device = await openDevice({ adapter });
  opened.push(device);
  return device;
}

afterAll(() => {
  for (const device of opened) device.close();
});

function adapterWith(info: Partial<GPUAdapterInfo>): GPUAdapter {
  const empty = { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false };
  return { info: { ...empty, ...info } } as unknown as GPUAdapter;
}

describe('describeAdapter', () => {
  it('calls an adapter software by what it says of itself or by its name', () => {
    expect(describeAdapter(adapterWith({ vendor: 'amd', architecture: 'rdna-3' })).software).toBe(false);
    expect(describeAdapter(adapterWith({ isFallbackAdapter: true })).software).toBe(true);
    expect(describeAdapter(adapterWith({ description: 'llvmpipe (LLVM 15)' })).software).toBe(true);
    expect(describeAdapter(adapterWith({ architecture: 'swiftshader' })).software).toBe(true);
    expect(describeAdapter(adapterWith({ device: 'Lavapipe' })).software).toBe(true);
  });

  it('gives the widest range of subgroup sizes where the adapter gives none', () => {
    expect(describeAdapter(adapterWith({}))).toMatchObject({ subgroupMinSize: 4, subgroupMaxSize: 128 });
    const fixed = adapterWith({ subgroupMinSize: 8, subgroupMaxSize: 8 });
    expect(describeAdapter(fixed)).toMatchObject({ subgroupMinSize: 8, subgroupMaxSize: 8 });
  });
});

describe('openDevice', () => {
  it('opens the embedded software adapter with its own limits and useful features', async () => {
    const { device, gpu, adapter, features, limits, hint } = await open('software');

    expect(adapter).toMatchObject({ vendor: 'google', architecture: 'swiftshader', software: true });
    expect(hint).toContain('mesa-vulkan-drivers');
    expect(features).toContain('subgroups');
    expect(features.toSorted()).toEqual([...device.features].toSorted());
    const own = (await gpu.requestAdapter())!.limits;
    for (const name of ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'] as const) {
      expect(limits[name]).toBe(own[name]);
    }
  });

  it('finds an adapter by a part of its name in any case', async () => {
    expect((await open('SWIFTshader')).adapter.architecture).toBe('swiftshader');
  });

  it('lists what it found where no adapter has the name', async () => {
    const failure = openDevice({ adapter: 'no such adapter' });

    await expect(failure).rejects.toThrow(DeviceLostError);
    await expect(failure).rejects.toThrow(/expected an adapter named "no such adapter", got .*SwiftShader/);
  });

  it('opens every adapter that the list names', async () => {
    const { got } = await openDevice({ adapter: 'no such adapter' }).then(
      () => expect.fail('the adapter was found'),
      (error: DeviceLostError) => error,
    );

    for (const name of got.split('; ')) {
      const { device, adapter } = await open(name);
      expect(adapter.description).not.toBe('');
      await device.queue.onSubmittedWorkDone();
    }
  });

  it('has a GPU only where the adapter is not software', async () => {
    const result = await open('gpu').catch((error: unknown) => error);

    if (result instanceof DeviceLostError) expect(result.message).toContain('expected a GPU with its driver');
    else expect((result as NodeDevice).adapter.software).toBe(false);
  });

  it('opens devices that are asked for at the same time, each usable after the other is closed', async () => {
    const [first, second] = await Promise.all([open('software'), open('software')]);
    expect(second.gpu).toBe(first.gpu);
    first.close();
    await first.device.lost;

    await second.device.queue.onSubmittedWorkDone();
  });
});
