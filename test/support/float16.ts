import { expect } from 'vitest';
import { UnsupportedError } from '../../src/errors.js';
import { decodeFloats, encodeFloats } from '../../src/io/floats.js';
import type { OperationPlan } from '../../src/ops/plan.js';
import { type Outputs, runPlan, type Values } from './runPlan.js';
import { HALF_EPSILON } from './tolerance.js';

/** Half the distance of subnormal float16 values. */
export const HALF_SUBNORMAL = 2 ** -25;

/** The nearest float16 values. */
export function roundedToHalf(values: Float32Array): Float32Array<ArrayBuffer> {
  return decodeFloats('F16', encodeFloats('F16', values)) as Float32Array<ArrayBuffer>;
}

/** What storing values in float16 may change in them. Conversions may also cut off: the standard leaves the direction open. */
export function storingBound(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values, (value) => 2 * Math.max(Math.abs(value) * HALF_EPSILON, HALF_SUBNORMAL));
}

/** A status operand in which nothing is noted. */
export const noFault = (): Float32Array<ArrayBuffer> => new Float32Array(4);

/**
 * Runs a plan with float16 operands and looks at its outputs, or on a device without float16 sees it refused.
 *
 * @param check - not called where the device has no float16
 */
export async function runHalf(
  device: GPUDevice,
  plan: OperationPlan,
  inputs: Readonly<Record<string, Values>>,
  check: (outputs: Outputs) => void,
): Promise<void> {
  const status = plan.operands.status && { status: noFault() };
  const running = runPlan(device, plan, { ...status, ...inputs });
  if (device.features.has('shader-f16')) check(await running);
  else await expect(running).rejects.toThrow(UnsupportedError);
}
