import { type NodeDevice, type OpenDeviceOptions, openDevice as openAlone } from './device/node.js';
import { requestDevice } from './requestDevice.js';

/**
 * Opens a device in Node through the optional package `webgpu`. Devices of the same drivers share one GPU object. Experimental
 * features are asked for by name, and come with the kernels that use them.
 *
 * @throws DeviceLostError where no adapter fits, listing what there is; UnsupportedError where an optional package that is
 *   needed is missing or does not run here, and for an experimental feature that the adapter does not have.
 */
export function openDevice(options: OpenDeviceOptions = {}): Promise<NodeDevice> {
  return openAlone(options, requestDevice);
}
