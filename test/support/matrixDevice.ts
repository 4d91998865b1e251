import { expect } from 'vitest';
import { UnsupportedError } from '../../src/errors.js';
import { openDevice } from '../../src/openDevice.js';
import type { MatrixUnits } from '../../src/ops/matrixUnits.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { type DeviceTraits, deviceTraits } from '../../src/ops/traits.js';
import { assumedUnits } from './assumedUnits.js';
import { noFault } from './float16.js';
import { type Outputs, runPlan, type Values } from './runPlan.js';

/** A device whose matrix units were asked for, or one of an adapter that has none. */
export interface MatrixDevice {
  readonly device: GPUDevice;
  /** Why there are no matrix units. */
  readonly refusal: UnsupportedError | undefined;
  /** The device's; without matrix units, as if it had some. */
  readonly traits: DeviceTraits & { readonly matrix: MatrixUnits };
  close(): void;
}

/** Opens the adapter that ICNET_TEST_ADAPTER names, `auto` without it. */
export async function matrixDevice(): Promise<MatrixDevice> {
  const options = { adapter: process.env.ICNET_TEST_ADAPTER ?? 'auto', label: 'tests' };
  try {
    const { device, close } = await openDevice({ ...options, experimental: ['subgroup-matrix'] });
    const traits = deviceTraits(device);
    return { device, refusal: undefined, traits: { ...traits, matrix: traits.matrix! }, close };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    const { device, close } = await openDevice(options);
    const traits = { ...deviceTraits(device), subgroup: 8, pinned: false, matrix: assumedUnits };
    return { device, refusal: error, traits, close };
  }
}

/**
 * Runs a plan of matrix units and looks at its outputs, or on a device without them sees it refused.
 *
 * @param check - not called where the device has no matrix units
 */
export async function runMatrix(
  { device, refusal }: MatrixDevice,
  plan: OperationPlan,
  inputs: Readonly<Record<string, Values>>,
  check: (outputs: Outputs) => void,
): Promise<void> {
  const status = plan.operands.status && { status: noFault() };
  const running = runPlan(device, plan, { ...status, ...inputs });
  if (refusal) await expect(running).rejects.toThrow(UnsupportedError);
  else check(await running);
}
