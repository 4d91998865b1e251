import { type RequestDeviceOptions, requestDevice as requestAlone } from './device/device.js';

/**
 * Asks for a device with all of the adapter's limits, not WebGPU's small defaults, and with those of the features
 * `subgroups`, `subgroup-size-control`, `shader-f16` and `timestamp-query` that the adapter has. Experimental features are asked for
 * by name, and come with the kernels that use them.
 *
 * @throws DeviceLostError where the adapter gives no device, for example because it has given one before; UnsupportedError for an
 *   experimental feature that it does not have.
 */
export async function requestDevice(adapter: GPUAdapter, options: RequestDeviceOptions = {}): Promise<GPUDevice> {
  if (!options.experimental?.length) return requestAlone(adapter, options);
  return (await import('./ops/experimental.js')).requestExperimental(adapter, options);
}
