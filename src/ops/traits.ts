import { subgroupSize } from '../device/device.js';

/** What of a device decides which kernel an operation takes. */
export interface DeviceTraits {
  /** Invocations of every subgroup, where the device has subgroups of one size. */
  readonly subgroup?: number;
}

export function deviceTraits(device: GPUDevice): DeviceTraits {
  const subgroup = subgroupSize(device);
  return subgroup === undefined ? {} : { subgroup };
}
