import depthwiseText from '../../../kernels/conv2d_depthwise.wgsl?raw';
import filterGradientText from '../../../kernels/conv2d_filter_gradient_depthwise.wgsl?raw';
import gradientBlock from '../../../kernels/shared/gradient_block.wgsl?raw';
import type { OfferedForm } from '../forms.js';
import type { KernelStep } from '../plan.js';
import { storedTexts } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { widestVector } from '../vectors.js';
import type { Pair } from '../windows.js';
import {
  type BlockTile,
  blockConstants,
  blockCount,
  blockThreads,
  blockTiles,
  type SliceTile,
  sliceConstants,
  sliceCount,
  sliceTiles,
} from './depthwiseTiles.js';
import { type OutputStep, type OutputWork, outputTexts } from './output.js';
import { type CompleteConvolution, type ConvolutionGeometry, geometryConstants } from './shape.js';

/** Whether every channel has a filter of its own and gives one output channel. */
export function isDepthwise({ groups, inChannels, outChannels }: CompleteConvolution): boolean {
  return groups > 1 && groups === inChannels && groups === outChannels;
}

/** The tiles that suit a geometry whose input is read with `up - 1` zeros between its pixels; none unless it is depthwise. */
export function depthwiseForms(geometry: ConvolutionGeometry, traits: DeviceTraits, up: Pair): OfferedForm[] {
  if (!isDepthwise(geometry)) return [];
  return blockTiles(geometry, widestVector(geometry.inChannels), traits, up).map(({ tile, ...rank }) => {
    return { family: 'depthwise', tile: { ...tile }, ...rank };
  });
}

/**
 * The depthwise kernel.
 *
 * @param operands - the operand of each binding
 * @param turned - whether the filters are read from their last tap to the first
 */
export function depthwiseStep(
  geometry: ConvolutionGeometry,
  { flags, activation }: OutputWork,
  operands: Readonly<Record<string, string>>,
  tile: BlockTile,
  up: Pair,
  turned: boolean,
): OutputStep {
  const vector = widestVector(geometry.outChannels);
  return {
    kernel: {
      name: 'conv2d_depthwise',
      text: depthwiseText,
      shared: [...storedTexts(vector, geometry.precision), ...outputTexts(geometry, activation, 'channel')],
    },
    constants: {
      ...geometryConstants(asOneGroup(geometry)),
      ...flags,
      ...blockConstants(geometry, tile, up),
      TURNED: turned,
    },
    workgroups: Math.ceil(blockCount(geometry, tile, vector) / blockThreads),
    operands,
    outputBlocks: blockCount(geometry, tile, geometry.outChannels),
  };
}

/** The tiles that suit the filter gradient of a geometry; none unless it is depthwise. */
export function depthwiseGradientForms(geometry: ConvolutionGeometry, traits: DeviceTraits): OfferedForm[] {
  if (!isDepthwise(geometry)) return [];
  return sliceTiles(geometry, { vector: widestVector(geometry.inChannels), read: 1, reads: 1 }, traits).map(
    ({ tile, ...rank }) => {
      return { family: 'depthwise', tile: { ...tile }, ...rank };
    },
  );
}

/** The depthwise kernel of the filter gradient; operands input, gradient, and the given one for `output`. */
export function depthwiseGradientStep(geometry: ConvolutionGeometry, tile: SliceTile, output: string): KernelStep {
  const { GROUPS: _, GROUP_IN: __, GROUP_OUT: CHANNELS, ...constants } = geometryConstants(asOneGroup(geometry));
  const vector = widestVector(geometry.outChannels);
  const threads = (geometry.outChannels / vector) * geometry.kernel[0] * sliceCount(geometry, tile);
  return {
    kernel: {
      name: 'conv2d_filter_gradient_depthwise',
      text: filterGradientText,
      shared: [...storedTexts(vector, geometry.precision), gradientBlock],
    },
    constants: { ...constants, CHANNELS: CHANNELS!, ...sliceConstants(geometry, tile) },
    workgroups: Math.ceil(threads / blockThreads),
    operands: { input: 'input', gradient: 'gradient', output },
  };
}

/** The same convolution as kernels for it see it: all channels in one group. */
function asOneGroup(geometry: ConvolutionGeometry): ConvolutionGeometry {
  const { inChannels, outChannels } = geometry;
  return { ...geometry, groups: 1, groupIn: inChannels, groupOut: outChannels };
}
