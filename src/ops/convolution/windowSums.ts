import pixelSumsText from '../../../kernels/pixel_sums.wgsl?raw';
import { type KernelStep, type Operand, tensorBytes, threadGroups } from '../plan.js';
import { windowSumStep } from '../pool.js';
import { type DeviceTraits, processorOf } from '../traits.js';
import { vectorText, widestVector } from '../vectors.js';
import type { ConvolutionGeometry } from './shape.js';

/** A Winograd convolution's window sums, made ahead of it. */
export interface WindowSums {
  /** They leave the operand windowSums. */
  readonly steps: readonly KernelStep[];
  /** What they need besides. */
  readonly scratch: Readonly<Record<string, Operand>>;
}

/**
 * Whether window sums are made ahead of a Winograd convolution instead of by its product. On SwiftShader, what a
 * loop carries to its next turn is dear, and the product's short turns carry a sum for each pixel besides.
 */
export function sumsApart(geometry: ConvolutionGeometry, traits: DeviceTraits): boolean {
  const { scratch = Number.POSITIVE_INFINITY } = traits;
  return processorOf(traits) === 'swiftShader' && pixelSumBytes(geometry) + geometry.windowSumBytes <= scratch;
}

function pixelSumBytes({ batch, inHeight, inWidth, groups }: ConvolutionGeometry): number {
  return tensorBytes(batch, inHeight, inWidth, groups);
}

/**
 * The sums of a convolution's input under its windows, group by group: first over the channels of each pixel, then over the
 * pixels of each window.
 *
 * @param weights - the operand with a weight for each input channel, where they are weighted
 */
export function windowSumSteps(geometry: ConvolutionGeometry, input: string, weights?: string): WindowSums {
  const { groups, groupIn } = geometry;
  const pixelSums = pixelSumBytes(geometry) / 4;
  const vector = widestVector(groupIn);
  const pixelStep: KernelStep = {
    kernel: { name: 'pixel_sums', text: pixelSumsText, shared: [vectorText(vector)] },
    constants: {
      PIXELS: pixelSums / groups,
      GROUPS: groups,
      GROUP_IN: groupIn,
      WEIGHTED: weights !== undefined,
      TURN_VECTORS: widestVector(groupIn / vector),
    },
    workgroups: threadGroups(pixelSums),
    operands: { input, sums: 'pixelSums', ...(weights !== undefined && { weights }) },
  };
  return {
    steps: [pixelStep, windowSumStep(geometry, 'pixelSums', 'windowSums')],
    scratch: {
      pixelSums: { bytes: pixelSumBytes(geometry), use: 'scratch' },
      windowSums: { bytes: geometry.windowSumBytes, use: 'scratch' },
    },
  };
}
