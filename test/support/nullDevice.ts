import { type RequestDeviceOptions, requestDevice } from '../../src/device/device.js';
import { draftFeature } from '../../src/device/experimental.js';

/**
 * A device of Dawn's null backend, which has every feature, checks kernels and commands as any other does, and runs none: what a
 * test needs that asks whether a text is valid where no adapter has float16.
 */
export async function nullDevice(
  experimental: RequestDeviceOptions['experimental'] = [],
): Promise<{ readonly device: GPUDevice; close(): void }> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  // Kept while the device is: Dawn crashes when a GPU is collected before its devices.
  const gpu = create(['backend=null', ...(experimental.length > 0 ? ['enable-dawn-features=allow_unsafe_apis'] : [])]);
  const adapter = (await gpu.requestAdapter())!;
  const device = await requestDevice(adapter, { label: 'null' }, experimental.map(draftFeature));
  return {
    device,
    close() {
      device.destroy();
      void device.lost.then(() => gpu);
    },
  };
}
