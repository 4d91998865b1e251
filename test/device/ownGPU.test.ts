import { describe, expect, it } from 'vitest';
import { chooseAdapter, ownGPU } from '../../src/device/ownGPU.js';
import { DeviceLostError } from '../../src/errors.js';

/** A GPU object that has these adapters: what it gives for speed, for little power, and where a processor shall compute. */
function gpuOf(fast: string | null, thrifty: string | null, processor: string | null): GPU {
  const adapterNamed = (description: string | null) =>
    description && {
      info: {
        vendor: '4318',
        architecture: '',
        device: '7',
        description,
        isFallbackAdapter: description === processor,
      },
    };
  return {
    requestAdapter: async ({ powerPreference, forceFallbackAdapter }: GPURequestAdapterOptions = {}) =>
      adapterNamed(forceFallbackAdapter ? processor : powerPreference === 'low-power' ? thrifty : fast),
  } as unknown as GPU;
}

const laptop = gpuOf('GeForce RTX 4060', 'Iris Xe', 'llvmpipe (LLVM 19)');
const chosen = async (gpu: GPU, wanted: string) => (await chooseAdapter(gpu, wanted)).description.description;

it('Node has no WebGPU of its own', () => {
  expect(ownGPU()).toBeUndefined();
});

describe('chooseAdapter', () => {
  it.each([
    ['auto', 'GeForce RTX 4060'],
    ['gpu', 'GeForce RTX 4060'],
    ['software', 'llvmpipe (LLVM 19)'],
    ['iris', 'Iris Xe'],
    ['GE-force', 'GeForce RTX 4060'],
    ['LLVMpipe', 'llvmpipe (LLVM 19)'],
  ])('takes %s for %s', async (wanted, description) => {
    expect(await chosen(laptop, wanted)).toBe(description);
  });

  it('takes what there is where there is only software', async () => {
    const software = gpuOf('llvmpipe', 'llvmpipe', 'llvmpipe');
    expect(await chosen(software, 'auto')).toBe('llvmpipe');
    await expect(chosen(software, 'gpu')).rejects.toThrow('expected a GPU with its driver, got only llvmpipe');
  });

  it.each([
    ['auto', null, 'expected a GPU with its driver, got no adapter'],
    ['software', null, 'expected a software adapter, got no adapter'],
    ['software', 'GeForce', 'expected a software adapter, got only GeForce'],
    ['iriss', 'Iris Xe', 'expected an adapter named "iriss", got Iris Xe'],
    ['', 'Iris Xe', 'expected an adapter named "", got Iris Xe'],
  ])('refuses "%s" where there is %s', async (wanted, description, message) => {
    const failure = chosen(gpuOf(description, description, null), wanted);
    await expect(failure).rejects.toThrow(DeviceLostError);
    await expect(failure).rejects.toThrow(message);
  });
});
