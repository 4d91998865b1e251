import { LimitError } from '../errors.js';

/** A limit that says how much of something is allowed at most, and that every device has. */
export type MaximumLimit = {
  [Name in keyof GPUSupportedLimits]-?: undefined extends GPUSupportedLimits[Name] ? never : Name;
}[keyof GPUSupportedLimits] &
  `max${string}`;

/** What is about to be asked of a device. */
export interface LimitCheck {
  readonly operation: string;
  readonly parameter: string;
  readonly limit: MaximumLimit;
  /** How much of it is needed, in the limit's own unit. */
  readonly needed: number;
}

/** All limits that have a number, by name; they sit on the prototype, where a spread does not see them. */
export function numericLimits(limits: GPUSupportedLimits): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const name in limits) {
    const value: unknown = limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') numbers[name] = value;
  }
  return numbers;
}

/**
 * Refuses what the device cannot hold.
 *
 * @throws LimitError naming the limit, its value, what was needed and by how much that is too much, and what to request a
 *   device with.
 */
export function checkLimit(device: GPUDevice, { operation, parameter, limit, needed }: LimitCheck): void {
  const allowed = device.limits[limit];
  if (needed <= allowed) return;
  throw new LimitError({
    operation,
    parameter,
    expected: `at most ${allowed} (the device's ${limit}), or a device with requiredLimits { ${limit}: ${needed} }`,
    got: `${needed}, ${needed - allowed} too much`,
  });
}

/**
 * Refuses a storage buffer binding that is larger than the device allows.
 *
 * @throws LimitError
 */
export function checkBinding(device: GPUDevice, operation: string, parameter: string, bytes: number): void {
  checkLimit(device, { operation, parameter, limit: 'maxStorageBufferBindingSize', needed: bytes });
}

/**
 * Refuses a dispatch of more workgroups along x, y or z than the device allows.
 *
 * @throws LimitError
 */
export function checkWorkgroups(
  device: GPUDevice,
  operation: string,
  counts: readonly [x: number, y: number, z: number],
): void {
  for (const [index, needed] of counts.entries()) {
    const parameter = `workgroups along ${'xyz'[index]}`;
    checkLimit(device, { operation, parameter, limit: 'maxComputeWorkgroupsPerDimension', needed });
  }
}
