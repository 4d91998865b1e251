import { destroyBuffer } from '../device/buffers.js';
import { createBuffers } from '../graph/compile.js';
import type { NetworkState } from '../graph/state.js';
import { flatParts } from '../ops/optimisers.js';
import { bindPlan, compilePlan, tensorBytes } from '../ops/plan.js';
import { planAddGradient } from '../ops/pointwise.js';

/** Adds up the gradients of the parts of a batch. */
export interface GradientSums {
  /** The sums, laid out as the state's `trained`. */
  readonly buffer: GPUBuffer;
  /** Dispatches of a part. */
  readonly dispatches: number;
  /** Adds the gradients to the sums; those of a batch's first part take the place of what was there. */
  encode(pass: GPUComputePassEncoder, first: boolean): void;
  dispose(): void;
}

/** @throws LimitError where the device cannot hold the sums. */
export async function compileGradientSums(state: NetworkState, gradients: GPUBuffer): Promise<GradientSums> {
  const { device, layout, trained } = state;
  const description = { label: 'gradient sums', size: trained.size, usage: 0x80 | 0x04 | 0x08 };
  const [buffer] = (await createBuffers(device, [description])) as [GPUBuffer];
  const parts = flatParts(layout.trainedCount, device.limits.maxStorageBufferBindingSize);
  const compile = (accumulate: boolean) =>
    Promise.all(
      parts.map(async ({ first, count }) => {
        const range = { offset: tensorBytes(first), size: tensorBytes(count) };
        const plan = await compilePlan(device, planAddGradient(count, { accumulate }));
        return bindPlan(plan, { input: { ...range, buffer: gradients }, output: { ...range, buffer } });
      }),
    );
  try {
    const [copies, sums] = await Promise.all([compile(false), compile(true)]);
    return {
      buffer,
      dispatches: parts.length,
      encode(pass, first) {
        for (const plan of first ? copies : sums) plan.encode(pass);
      },
      dispose: () => destroyBuffer(device, buffer),
    };
  } catch (error) {
    destroyBuffer(device, buffer);
    throw error;
  }
}
