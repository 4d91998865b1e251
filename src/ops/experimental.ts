import { isSoftware } from '../device/adapter.js';
import { destroyDevice, type RequestDeviceOptions, requestDevice, subgroupsOf } from '../device/device.js';
import { draftFeature } from '../device/experimental.js';
import { matrixConfigurations } from '../device/matrixUnits.js';
import { UnsupportedError } from '../errors.js';
import { matrixUnits } from './convolution/matrixProduct.js';
import { knowMatrixUnits } from './traits.js';

/**
 * Asks for a device with experimental features, and lets what is planned for it use them.
 *
 * @throws UnsupportedError where the adapter does not have them, or not what kernels need of them; DeviceLostError where it gives no device.
 */
export async function requestExperimental(adapter: GPUAdapter, options: RequestDeviceOptions): Promise<GPUDevice> {
  const drafts = options.experimental!.map(draftFeature);
  const lacking = drafts.find((feature) => !adapter.features.has(feature));
  if (lacking) throw unsupported(`an adapter with the feature ${lacking}`);
  const configurations = matrixConfigurations(adapter.info);
  if (configurations.length === 0) throw unsupported('matrix units for float16 with float32 sums');
  const device = await requestDevice(adapter, options, drafts);
  const subgroups = subgroupsOf(device);
  if (!subgroups || !device.features.has('shader-f16')) {
    destroyDevice(device);
    throw unsupported('subgroups of a known size, and the feature shader-f16');
  }
  const units = matrixUnits({
    configurations,
    subgroup: subgroups.size,
    pinned: subgroups.pinned,
    largestSubgroup: adapter.info.subgroupMaxSize,
    invocations: device.limits.maxComputeInvocationsPerWorkgroup,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
    software: isSoftware(adapter.info),
  });
  knowMatrixUnits(device, units);
  return device;
}

function unsupported(expected: string): UnsupportedError {
  const got = 'subgroup-matrix asked of one without';
  return new UnsupportedError({ operation: 'requestDevice', parameter: 'experimental', expected, got });
}
