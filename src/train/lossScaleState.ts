import { writeBuffer } from '../device/buffers.js';
import type { Optimiser } from './optimiser.js';

/** Where a training in float16 stands, beside its parameters and what its optimiser carries. */
export interface LossScaleState {
  /** What the loss of the next step is multiplied by. */
  readonly scale: number;
  /** Good steps since it has changed. */
  readonly goodSteps: number;
  /** AdamW's 1 - beta^t of the next update, which steps that were skipped do not count for; 1 for SGD. */
  readonly corrections: readonly [number, number];
}

export const largestScale = 2 ** 24;
const lossScaleFloats = 8;

/** Puts a loss scale where a training stood. */
export function writeLossScale(
  device: GPUDevice,
  lossScale: GPUBuffer,
  { scale, goodSteps, corrections }: LossScaleState,
  optimiser: Optimiser,
): void {
  const values = new Float32Array(lossScaleFloats);
  values.set([1 / scale, scale, ...corrections, goodSteps, ...decaysOf(optimiser)]);
  writeBuffer(device, lossScale, values);
}

/** Where a training stands by the bytes of its loss scale. */
export function lossScaleState(bytes: ArrayBuffer): LossScaleState {
  const [, scale, first, second, goodSteps] = new Float32Array(bytes);
  return { scale: scale!, goodSteps: goodSteps!, corrections: [first!, second!] };
}

/** 1 - beta of both moments: the corrections of the very first update. */
export function decaysOf(optimiser: Optimiser): [number, number] {
  const [, , first, second] = new Float32Array(optimiser.stepState(0, 0));
  return [first!, second!];
}

/** Whether a training could have left it as its loss scale. */
export function isLossScale(value: unknown): value is LossScaleState {
  const { scale, goodSteps, corrections } = (value ?? {}) as Record<keyof LossScaleState, unknown>;
  const counted = Number.isSafeInteger(goodSteps) && (goodSteps as number) >= 0;
  const shares = Array.isArray(corrections) && corrections.length === 2;
  const between = shares && corrections.every((one) => typeof one === 'number' && one > 0 && one <= 1);
  return typeof scale === 'number' && isScale(scale) && counted && between;
}

/** Whether a number may be a loss scale. */
export function isScale(scale: number): boolean {
  return scale >= 1 && scale <= largestScale && Number.isInteger(Math.log2(scale));
}
