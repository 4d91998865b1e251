import groupedText from '../../../kernels/conv2d_filter_gradient_grouped.wgsl?raw';
import gradientBlock from '../../../kernels/shared/gradient_block.wgsl?raw';
import read1 from '../../../kernels/shared/read_1.wgsl?raw';
import read2 from '../../../kernels/shared/read_2.wgsl?raw';
import read4 from '../../../kernels/shared/read_4.wgsl?raw';
import type { OfferedForm } from '../forms.js';
import type { KernelStep } from '../plan.js';
import { storedTexts } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { widestVector } from '../vectors.js';
import { isDepthwise } from './depthwise.js';
import { blockThreads, type SliceTile, sliceConstants, sliceCount, sliceTiles } from './depthwiseTiles.js';
import { type ConvolutionGeometry, geometryConstants } from './shape.js';

/** Channels of a group beyond which tiles in workgroup memory are better wherever loads are dear. */
const mostChannels = 64;

/** The tiles that suit the filter gradient of a geometry; none unless its groups have few channels, but more than one. */
export function groupedGradientForms(geometry: ConvolutionGeometry, traits: DeviceTraits): OfferedForm[] {
  const { groupIn, groupOut } = geometry;
  if (isDepthwise(geometry) || Math.max(groupIn, groupOut) > mostChannels) return [];
  const read = widestVector(groupIn);
  const vector = widestVector(groupOut);
  return sliceTiles(geometry, { reads: groupIn / read, read, vector }, traits).map(({ tile, ...rank }) => {
    return { family: 'grouped', tile: { ...tile }, ...rank };
  });
}

/** The kernel of few channels; operands input, gradient, and the given one for `output`. */
export function groupedGradientStep(geometry: ConvolutionGeometry, tile: SliceTile, output: string): KernelStep {
  const { groupIn, groupOut, outChannels, kernel } = geometry;
  const read = widestVector(groupIn);
  const vector = widestVector(groupOut);
  const threads = (outChannels / vector) * (groupIn / read) * kernel[0] * sliceCount(geometry, tile);
  return {
    kernel: {
      name: 'conv2d_filter_gradient_grouped',
      text: groupedText,
      shared: [...storedTexts(vector, geometry.precision), { 1: read1, 2: read2, 4: read4 }[read], gradientBlock],
    },
    constants: { ...geometryConstants(geometry), ...sliceConstants(geometry, tile) },
    workgroups: Math.ceil(threads / blockThreads),
    operands: { input: 'input', gradient: 'gradient', output },
  };
}
