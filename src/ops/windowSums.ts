import pixelSumsText from '../../kernels/pixel_sums.wgsl?raw';
import type { ConvolutionGeometry } from './convolution.js';
import { type KernelStep, type Operand, tensorBytes, threadGroups } from './plan.js';
import { windowSumStep } from './pool.js';
import type { DeviceTraits } from './traits.js';
import { vectorText, widestVector } from './vectors.js';

/** A convolution's window sums, made ahead of it. */
export interface WindowSums {
  /** They leave the operand windowSums. */
  readonly steps: readonly KernelStep[];
  /** What they need besides. */
  readonly scratch: Readonly<Record<string, Operand>>;
}

/**
 * Whether window sums are made ahead of a convolution instead of with it. Where four lanes play a GPU, what a loop carries to
 * its next turn is dear, and a sum for each pixel makes it an eighth or a quarter more: filters of several taps take many turns.
 */
export function sumsApart(
  { kernel, dilation }: ConvolutionGeometry,
  { subgroup, software, scratch }: DeviceTraits,
): boolean {
  const carries = software === true && subgroup === 4;
  return carries && scratch !== 0 && kernel[0] * kernel[1] > 1 && dilation.every((size) => size === 1);
}

/**
 * The sums of a convolution's input under its windows, group by group: first over the channels of each pixel, then over the
 * pixels of each window.
 *
 * @param weights - the operand with a weight for each input channel, where they are weighted
 */
export function windowSumSteps(geometry: ConvolutionGeometry, input: string, weights?: string): WindowSums {
  const { batch, inHeight, inWidth, groups, groupIn } = geometry;
  const pixels = batch * inHeight * inWidth;
  const vector = widestVector(groupIn);
  const pixelStep: KernelStep = {
    kernel: { name: 'pixel_sums', text: pixelSumsText, shared: [vectorText(vector)] },
    constants: {
      PIXELS: pixels,
      GROUPS: groups,
      GROUP_IN: groupIn,
      WEIGHTED: weights !== undefined,
      TURN_VECTORS: widestVector(groupIn / vector),
    },
    workgroups: threadGroups(pixels * groups),
    operands: { input, sums: 'pixelSums', ...(weights !== undefined && { weights }) },
  };
  return {
    steps: [pixelStep, windowSumStep(geometry, 'pixelSums', 'windowSums')],
    scratch: {
      pixelSums: { bytes: tensorBytes(pixels, groups), use: 'scratch' },
      windowSums: { bytes: geometry.windowSumBytes, use: 'scratch' },
    },
  };
}
