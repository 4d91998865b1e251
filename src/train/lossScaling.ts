import { destroyBuffer } from '../device/buffers.js';
import { ShapeError } from '../errors.js';
import { createBuffers } from '../graph/compile.js';
import type { TrainingScaling } from '../graph/training.js';
import { planLossScale } from '../ops/lossScale.js';
import { type BufferRange, bindPlan, compilePlan, tensorBytes } from '../ops/plan.js';
import { decaysOf, isScale, largestScale, writeLossScale } from './lossScaleState.js';
import type { Optimiser } from './optimiser.js';

/** How the loss scale of a training in float16 moves. */
export interface LossScalingOptions {
  /** What it begins with: a power of two from 1 to 2^24; 65536 where left out. */
  readonly initialScale?: number;
  /** Good steps behind each other that double it; 2000 where left out. */
  readonly growthInterval?: number;
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

function checkScale(scale: number): void {
  if (isScale(scale)) return;
  const expected = `a power of two from 1 to ${largestScale}`;
  throw new ShapeError({ operation: 'train', parameter: 'lossScaling.initialScale', expected, got: String(scale) });
}
