import { isSoftware } from '../device/adapter.js';
import { subgroupSize } from '../device/device.js';
import type { ChooseForm } from './forms.js';

/** What of a device decides which kernel an operation takes. */
export interface DeviceTraits {
  /** Invocations of every subgroup, where the device has subgroups of one size. */
  readonly subgroup?: number;
  /** Whether a processor does the work of a GPU: loads are dear there, and barriers dearer. */
  readonly software?: boolean;
  /** Whether kernels may multiply in float16, which needs the feature `shader-f16`; false where left out. */
  readonly half?: boolean;
  /** Bytes that a form may use beyond the operation's inputs and outputs; any number where left out. */
  readonly scratch?: number;
  /** Picks a form for an operation; by the cost model where left out. */
  readonly choose?: ChooseForm;
}

/** The traits of a device: subgroups of one size, whether it is software; `choose` is passed on. */
export function deviceTraits(device: GPUDevice, choose?: ChooseForm): DeviceTraits {
  const subgroup = subgroupSize(device);
  return {
    software: isSoftware(device.adapterInfo),
    ...(subgroup !== undefined && { subgroup }),
    ...(choose && { choose }),
  };
}
