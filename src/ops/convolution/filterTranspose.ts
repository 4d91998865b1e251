import transposeText from '../../../kernels/filter_transpose.wgsl?raw';
import type { KernelStep } from '../plan.js';
import { storedTexts } from '../precision.js';
import { widestVector } from '../vectors.js';
import type { ConvolutionGeometry } from './shape.js';
import { storeTexts, texelConstants } from './texels.js';

/** Edges of the blocks that filter_transpose turns round, and how many of them a workgroup does. */
const blockChannels = 16;
const blockVectors = 4;
const workgroupBlocks = 8;

/**
 * Turns the filters of a convolution round on their way into a buffer, or into a texture. The geometry is that of the
 * convolution whose input gradient they are for.
 */
export function filterTransposeStep(
  { kernel, groups, groupIn, groupOut, precision }: ConvolutionGeometry,
  filters: string,
  destination: string,
  texture: boolean,
): KernelStep {
  const vector = widestVector(groupIn);
  const blocks = Math.ceil(groupOut / blockChannels) * Math.ceil(groupIn / vector / blockVectors);
  return {
    kernel: {
      name: 'filter_transpose',
      text: transposeText,
      shared: [...storedTexts(vector, precision), ...storeTexts(texture)],
    },
    constants: {
      FILTER_HEIGHT: kernel[0],
      FILTER_WIDTH: kernel[1],
      GROUPS: groups,
      GROUP_IN: groupIn,
      GROUP_OUT: groupOut,
      ...texelConstants,
    },
    workgroups: Math.ceil((kernel[0] * kernel[1] * groups * blocks) / workgroupBlocks),
    operands: { filters, destination },
  };
}
