import naiveText from '../../kernels/conv2d_filter_gradient_naive.wgsl?raw';
import subgroupText from '../../kernels/conv2d_filter_gradient_subgroup.wgsl?raw';
import { broadcastColumns } from './broadcastTiles.js';
import {
  asOneRow,
  type ConvolutionGeometry,
  type ConvolutionShape,
  checkConvolution,
  geometryConstants,
  isPointwise,
} from './convolution.js';
import { type ConvolutionFamily, chooseFamily } from './convolutionForward.js';
import { type KernelStep, type Operand, type OperationPlan, threadGroups } from './plan.js';
import { sumSlicesStep } from './slices.js';
import type { DeviceTraits } from './traits.js';
import { type VectorWidth, vectorText, widestVector } from './vectors.js';

export interface FilterGradientOptions {
  readonly family?: ConvolutionFamily;
}

/**
 * Gradient of a convolution with respect to its filters.
 *
 * Operands: input [N, H, W, C], gradient [N, P, Q, K] of z, output [R, S, C / groups, K] (overwritten), and for the
 * split reduction the scratch slices.
 *
 * @throws ShapeError for a shape that does not fit, UnsupportedError for a family that the device cannot run.
 */
export function planConvolutionFilterGradient(
  shape: ConvolutionShape,
  options: FilterGradientOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'conv2dFilterGradient';
  const geometry = checkConvolution(operation, shape);
  const operands: Record<string, Operand> = {
    input: { bytes: geometry.inputBytes, use: 'input' },
    gradient: { bytes: geometry.outputBytes, use: 'input' },
    output: { bytes: geometry.filterBytes, use: 'output' },
  };
  const family = chooseFamily(operation, geometry, traits, options.family);
  if (family === 'naive') return { operation, operands, steps: [naiveStep(geometry)] };

  const rows = geometry.outHeight === 1 && isPointwise(geometry) ? asOneRow(geometry) : geometry;
  const tile = chooseTile(rows, traits.subgroup!);
  if (tile.slices === 1) return { operation, operands, steps: [broadcastStep(rows, tile, 'output')] };
  operands.slices = { bytes: tile.slices * geometry.filterBytes, use: 'scratch' };
  const steps = [broadcastStep(rows, tile, 'slices'), sumSlicesStep(tile.slices, geometry.filterBytes / 4, 'output')];
  return { operation, operands, steps };
}

interface FilterGradientTile {
  readonly subgroup: number;
  readonly vector: VectorWidth;
  readonly pixels: number;
  readonly taps: number;
  readonly chunk: number;
  readonly chunks: number;
  readonly slices: number;
  readonly sliceRows: number;
}

/** Vector accumulators a lane holds, and workgroups that keep every core of a CPU or GPU busy. */
const mostAccumulators = 28;
const enoughWorkgroups = 64;
const longestSlice = 512;

function chooseTile(geometry: ConvolutionGeometry, subgroup: number): FilterGradientTile {
  const { batch, outHeight, outWidth, groups, groupIn, groupOut, kernel } = geometry;
  const chunk = Math.min(subgroup, groupIn);
  const taps = kernel[1] * chunk <= mostAccumulators ? kernel[1] : 1;
  const chunks = Math.max(1, Math.min(Math.floor(mostAccumulators / (taps * chunk)), Math.ceil(groupIn / chunk)));
  const lanesFilled = (vector: VectorWidth): boolean => groupOut / vector >= subgroup;
  const widest = widestVector(groupOut);
  const vector = ([4, 2, 1] as const).find((width) => width <= widest && lanesFilled(width)) ?? 1;
  // Measured on CPU adapters: with four lanes a body of two pixels is the fastest, wider ones outgrow the instruction cache.
  const pixels = Math.min(outWidth, subgroup > 4 ? 4 : 2);
  const blocks =
    (kernel[1] / taps) *
    kernel[0] *
    Math.ceil(groupIn / (chunk * chunks)) *
    Math.ceil(groupOut / (vector * subgroup)) *
    groups;
  const rows = batch * outHeight;
  const longest = Math.max(1, Math.floor(longestSlice / outWidth));
  const wanted = Math.max(Math.ceil(enoughWorkgroups / blocks), Math.ceil(rows / longest));
  const sliceRows = Math.ceil(rows / Math.min(rows, wanted));
  return { subgroup, vector, pixels, taps, chunk, chunks, slices: Math.ceil(rows / sliceRows), sliceRows };
}

function broadcastStep(geometry: ConvolutionGeometry, tile: FilterGradientTile, output: string): KernelStep {
  const { groups, groupIn, groupOut, kernel } = geometry;
  const { columns, columnStep, pixelStep } = broadcastColumns(geometry, tile.pixels, tile.taps);
  const inBlocks = Math.ceil(groupIn / (tile.chunk * tile.chunks));
  const outBlocks = Math.ceil(groupOut / (tile.vector * tile.subgroup));
  return {
    kernel: { name: 'conv2d_filter_gradient_subgroup', text: subgroupText, shared: [vectorText(tile.vector)] },
    constants: {
      ...geometryConstants(geometry),
      SUBGROUP: tile.subgroup,
      CHUNK: tile.chunk,
      CHUNKS: tile.chunks,
      PIXELS: tile.pixels,
      TAPS: tile.taps,
      COLUMNS: columns,
      COLUMN_STEP: columnStep,
      PIXEL_STEP: pixelStep,
      IN_BLOCKS: inBlocks,
      OUT_BLOCKS: outBlocks,
      SLICE_ROWS: tile.sliceRows,
    },
    workgroups: (kernel[1] / tile.taps) * kernel[0] * inBlocks * outBlocks * groups * tile.slices,
    operands: { input: 'input', gradient: 'gradient', output },
  };
}

function naiveStep(geometry: ConvolutionGeometry): KernelStep {
  const { kernel, groupIn, outChannels } = geometry;
  return {
    kernel: { name: 'conv2d_filter_gradient_naive', text: naiveText },
    constants: geometryConstants(geometry),
    workgroups: threadGroups(kernel[0] * kernel[1] * groupIn * outChannels),
    operands: { input: 'input', gradient: 'gradient', output: 'output' },
  };
}
