import { destroyBuffer, writeBuffer } from '../device/buffers.js';
import { ShapeError } from '../errors.js';
import { createBuffers } from '../graph/compile.js';
import type { TrainingScaling } from '../graph/training.js';
import { planLossScale } from '../ops/lossScale.js';
import { type BufferRange, bindPlan, compilePlan, tensorBytes } from '../ops/plan.js';
import type { Optimiser } from './optimiser.js';

/** How the loss scale of a training in float16 moves. */
export interface LossScalingOptions {
  /** What it begins with: a power of two from 1 to 2^24; 65536 where left out. */
  readonly initialScale?: number;
  /** Good steps behind each other that double it; 2000 where left out. */
  readonly growthInterval?: number;
}

/** Where a training in float16 stands, beside its parameters and what its optimiser carries. */
export interface LossScaleState {
  /** What the loss of the next step is multiplied by. */
  readonly scale: number;
  /** Good steps since it has changed. */
  readonly goodSteps: number;
  /** AdamW's 1 - beta^t of the next update, which steps that were skipped do not count for; 1 for SGD. */
  readonly corrections: readonly [number, number];
}

/** A loss scale that moves on the GPU. */
export interface LossScaling {
  /** Of each step in the ring: the scale, and 1 where it was skipped. */
  readonly ring: GPUBuffer;
  readonly dispatches: number;
  /** Brings the corrections of the next update into the step's uniform. */
  encodeAhead(encoder: GPUCommandEncoder): void;
  /** Moves the scale behind a step. */
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

const largestScale = 2 ** 24;
const lossScaleFloats = 8;

/** @throws ShapeError for a scale that is no power of two in its range, or an interval that is no positive integer. */
export async function compileLossScaling(
  device: GPUDevice,
  { lossScale, fault }: TrainingScaling,
  shared: { readonly stepState: GPUBuffer; readonly status: GPUBuffer; readonly ringSteps: number },
  { initialScale = 65536, growthInterval = 2000 }: LossScalingOptions,
  optimiser: Optimiser,
): Promise<LossScaling> {
  checkScale(initialScale);
  const { stepState, status, ringSteps } = shared;
  const compiled = await compilePlan(device, planLossScale(ringSteps, growthInterval));
  const description = { label: 'step scales', size: tensorBytes(ringSteps, 2), usage: 0x80 | 0x04 };
  const [ring] = (await createBuffers(device, [description])) as [GPUBuffer];
  const whole = (buffer: GPUBuffer): BufferRange => ({ buffer, offset: 0, size: buffer.size });
  const bound = bindPlan(compiled, {
    lossScale: whole(lossScale),
    fault: whole(fault),
    status: whole(status),
    ring: whole(ring),
    stepState: whole(stepState),
  });
  const corrections = decaysOf(optimiser);
  writeLossScale(device, lossScale, { scale: initialScale, goodSteps: 0, corrections }, optimiser);
  return {
    ring,
    dispatches: bound.dispatches,
    encodeAhead(encoder) {
      encoder.copyBufferToBuffer(lossScale, 8, stepState, 8, 8);
    },
    encode: (pass) => bound.encode(pass),
    dispose: () => destroyBuffer(device, ring),
  };
}

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
function decaysOf(optimiser: Optimiser): [number, number] {
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

function isScale(scale: number): boolean {
  return scale >= 1 && scale <= largestScale && Number.isInteger(Math.log2(scale));
}

function checkScale(scale: number): void {
  if (isScale(scale)) return;
  const expected = `a power of two from 1 to ${largestScale}`;
  throw new ShapeError({ operation: 'train', parameter: 'lossScaling.initialScale', expected, got: String(scale) });
}
