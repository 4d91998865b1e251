import type { RequestDeviceOptions } from '../device/device.js';
import { knowMatrixUnits } from './traits.js';

/**
 * Loads the kernels that use a device's experimental features.
 *
 * @throws UnsupportedError where the device has the feature, and not what the kernels need of it.
 */
export async function loadExperimental(device: GPUDevice, { experimental = [] }: RequestDeviceOptions): Promise<void> {
  if (!experimental.includes('subgroup-matrix')) return;
  const { matrixUnitsOf } = await import('./convolution/matrixProduct.js');
  knowMatrixUnits(device, matrixUnitsOf(device));
}
