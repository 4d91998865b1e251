import { expect } from 'vitest';
import type { OperationPlan } from '../../src/ops/plan.js';
import type { Precision } from '../../src/ops/precision.js';
import { roundedToHalf, runHalf, storingBound } from './float16.js';
import { randomArray } from './random.js';
import { type Outputs, runPlan, type Values } from './runPlan.js';
import { expectClose } from './tolerance.js';

/** The precisions in which operations are held to their float64 values. */
export const precisions: readonly Precision[] = ['float32', 'float16'];

/** Random values that both precisions have. */
export function halfValues(count: number, seed: number, largest = 2): Float32Array<ArrayBuffer> {
  return roundedToHalf(randomArray(count, seed, -largest, largest));
}

/** What an operand is to hold, and how far it may be off ahead of the store. */
export type Held = readonly [expected: ArrayLike<number>, error: ArrayLike<number> | 0];

/**
 * Runs a plan and holds what it writes to float64 values, with a rounding more where operands are float16; what fills up their last
 * word stays as it was, and nothing is noted. On a device without float16 such a plan is refused.
 */
export async function expectHeld(
  device: GPUDevice,
  plan: OperationPlan,
  inputs: Readonly<Record<string, Values>>,
  held: Readonly<Record<string, Held>>,
): Promise<void> {
  const isHalf = (name: string): boolean => plan.operands[name]!.precision === 'float16';
  const check = (outputs: Outputs): void => {
    for (const [name, [expected, error]] of Object.entries(held)) {
      const stored = outputs.floats(name);
      const storing = isHalf(name) ? storingBound(expected) : new Float64Array(expected.length);
      const bound = storing.map((value, i) => value + (error === 0 ? 0 : 1.001 * error[i]!));
      expectClose(stored.subarray(0, expected.length), expected, bound, `${plan.operation}: ${name}`);
      const filler = isHalf(name) && expected.length % 2 === 1 ? [Number.NaN] : [];
      expect([...stored.subarray(expected.length)]).toEqual(filler);
    }
    if (plan.operands.status) expect([...outputs.floats('status')]).toEqual([0, 0, 0, 0]);
  };
  if (Object.keys(plan.operands).some(isHalf)) await runHalf(device, plan, inputs, check);
  else check(await runPlan(device, plan, inputs));
}

/** The sum of two lists' absolute values, element by element. */
export function magnitudes(left: ArrayLike<number>, right: ArrayLike<number>): Float64Array {
  return Float64Array.from(left, (value, i) => Math.abs(value) + Math.abs(right[i]!));
}
