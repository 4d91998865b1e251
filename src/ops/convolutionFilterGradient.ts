import naiveText from '../../kernels/conv2d_filter_gradient_naive.wgsl?raw';
import subgroupText from '../../kernels/conv2d_filter_gradient_subgroup.wgsl?raw';
import {
  asOneRow,
  type ConvolutionGeometry,
  type ConvolutionShape,
  checkConvolution,
  geometryConstants,
  isPointwise,
} from './convolution.js';
import { naiveForm, shapeKey } from './convolutionForms.js';
import { depthwiseGradientForms, depthwiseGradientStep } from './depthwiseForm.js';
import { type SliceTile, sliceCount } from './depthwiseTiles.js';
import { type Family, type FormRequest, planChosen, type RankedForm, rankForms } from './forms.js';
import { type KernelStep, type Operand, type OperationPlan, threadGroups } from './plan.js';
import { sumSlicesStep } from './slices.js';
import { chunkLanes, costsFor, tileColumns } from './subgroupForm.js';
import type { DeviceTraits } from './traits.js';
import { type VectorWidth, vectorText, vectorWidths } from './vectors.js';

/** How the gradient with respect to the filters is computed. */
export interface FilterGradientOptions {
  /** The kernel's family; the device's best form by default. */
  readonly family?: Family;
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
  const request: FormRequest = {
    operation,
    key: shapeKey(operation, shape),
    forms: rankForms([
      ...depthwiseGradientForms(geometry, traits),
      ...filterGradientForms(geometry, traits),
      naiveForm(geometry),
    ]),
    plan(form) {
      if (form.family === 'naive') return { operation, operands, steps: [naiveStep(geometry)] };
      if (form.family === 'depthwise') {
        const tile = form.tile as unknown as SliceTile;
        const slices = sliceCount(geometry, tile);
        return split(geometry, slices, operands, (output) => depthwiseGradientStep(geometry, tile, output));
      }
      return splitReduction(geometry, form.tile as unknown as FilterGradientTile, traits.subgroup!, operands);
    },
  };
  return planChosen(request, traits, options.family);
}

/** Tile of the split reduction: what one lane holds and loads. */
interface FilterGradientTile {
  /** Output channels of a lane. */
  readonly vector: VectorWidth;
  /** Output pixels a step. */
  readonly pixels: number;
  /** Filter columns: 1 or all. */
  readonly taps: number;
  /** Blocks of input channels, each as many as the subgroup has lanes. */
  readonly chunks: number;
  /** Rows of output pixels (n, p) that a workgroup adds up. */
  readonly sliceRows: number;
}

const mostAccumulators = 32;
const mostBody = 300;
const pixelCounts = [1, 2, 4, 7, 8];
const chunkCounts = [1, 2, 3, 4, 6, 7, 8];
/** Workgroups that keep every core of a processor or GPU busy, and pixels after which a slice's sum loses digits. */
const enoughWorkgroups = { software: 16, hardware: 256 };
const longestSlice = 1024;

function splitReduction(
  geometry: ConvolutionGeometry,
  tile: FilterGradientTile,
  subgroup: number,
  operands: Readonly<Record<string, Operand>>,
): OperationPlan {
  const rows = oneRowWhere(geometry);
  const slices = Math.ceil((rows.batch * rows.outHeight) / tile.sliceRows);
  return split(geometry, slices, operands, (output) => reductionStep(rows, tile, subgroup, output));
}

/** A reduction over slices, whose sums are added up where there is more than one. */
function split(
  { filterBytes }: ConvolutionGeometry,
  slices: number,
  operands: Readonly<Record<string, Operand>>,
  reduce: (output: string) => KernelStep,
): OperationPlan {
  const operation = 'conv2dFilterGradient';
  if (slices === 1) return { operation, operands, steps: [reduce('output')] };
  return {
    operation,
    operands: { ...operands, slices: { bytes: slices * filterBytes, use: 'scratch' } },
    steps: [reduce('slices'), sumSlicesStep(slices, filterBytes / 4, 'output')],
  };
}

/** A dense layer's pixels form one row; so do those of a 1x1 convolution, but there rows are what slices count. */
function oneRowWhere(geometry: ConvolutionGeometry): ConvolutionGeometry {
  return geometry.outHeight === 1 && isPointwise(geometry) ? asOneRow(geometry) : geometry;
}

function filterGradientForms(given: ConvolutionGeometry, { subgroup, software }: DeviceTraits): RankedForm[] {
  if (subgroup === undefined || subgroup < 4 || subgroup > 32) return [];
  const geometry = oneRowWhere(given);
  const chunk = chunkLanes(subgroup, geometry.groupIn);
  const columns = geometry.kernel[1];
  const forms: RankedForm[] = [];
  for (const vector of vectorWidths.filter((size) => geometry.groupOut % size === 0)) {
    for (const taps of columns === 1 ? [1] : [1, columns]) {
      for (const chunks of chunkCounts.filter((count) => (count - 1) * chunk < geometry.groupIn)) {
        for (const pixels of pixelCounts.filter((count) => count <= geometry.outWidth)) {
          const accumulators = taps * chunks * chunk;
          const body = Math.round(((accumulators * pixels + 5 * accumulators) * vector) / 4);
          if ((accumulators > mostAccumulators || body > mostBody) && accumulators * pixels > chunk) continue;
          const sliceRows = rowsOfSlice(geometry, { vector, taps, chunks }, subgroup, software ?? false);
          const tile = { vector, pixels, taps, chunks, sliceRows };
          forms.push({ family: 'subgroup', tile, cost: tileCost(geometry, tile, subgroup), body });
        }
      }
    }
  }
  return forms;
}

/** As few slices as give every core work and keep each sum short. */
function rowsOfSlice(
  geometry: ConvolutionGeometry,
  tile: Omit<FilterGradientTile, 'pixels' | 'sliceRows'>,
  subgroup: number,
  software: boolean,
): number {
  const rows = geometry.batch * geometry.outHeight;
  const longest = Math.max(1, Math.floor(longestSlice / geometry.outWidth));
  const enough = software ? enoughWorkgroups.software : enoughWorkgroups.hardware;
  const wanted = Math.max(Math.ceil(enough / blocksOf(geometry, tile, subgroup)), Math.ceil(rows / longest));
  return Math.ceil(rows / Math.min(rows, wanted));
}

function blocksOf(
  { kernel, groups, groupIn, groupOut }: ConvolutionGeometry,
  { vector, taps, chunks }: Omit<FilterGradientTile, 'pixels' | 'sliceRows'>,
  subgroup: number,
): number {
  const inBlocks = Math.ceil(groupIn / (chunkLanes(subgroup, groupIn) * chunks));
  return (kernel[1] / taps) * kernel[0] * inBlocks * Math.ceil(groupOut / (vector * subgroup)) * groups;
}

function tileCost(geometry: ConvolutionGeometry, tile: FilterGradientTile, subgroup: number): number {
  const { vector, pixels, taps, chunks, sliceRows } = tile;
  const { address, load, exchange, carry, workgroup } = costsFor(subgroup);
  const accumulators = taps * chunks * chunkLanes(subgroup, geometry.groupIn);
  const { columns } = tileColumns(geometry, pixels, taps);
  const loads = pixels * (address + vector * load) + chunks * columns * (address + load);
  const step = loads + accumulators * (pixels * (exchange + vector) + carry * vector);
  const rows = geometry.batch * geometry.outHeight;
  const slices = Math.ceil(rows / sliceRows);
  const steps = rows * Math.ceil(geometry.outWidth / pixels);
  // Each slice is stored once and read once by the sum.
  const output = slices * (workgroup + 2 * load * accumulators * vector);
  return blocksOf(geometry, tile, subgroup) * (steps * step + output);
}

function reductionStep(
  geometry: ConvolutionGeometry,
  tile: FilterGradientTile,
  subgroup: number,
  output: string,
): KernelStep {
  const { groups, groupIn, groupOut, kernel } = geometry;
  const { columns, columnStep, pixelStep } = tileColumns(geometry, tile.pixels, tile.taps);
  const chunk = chunkLanes(subgroup, groupIn);
  const inBlocks = Math.ceil(groupIn / (chunk * tile.chunks));
  const outBlocks = Math.ceil(groupOut / (tile.vector * subgroup));
  const slices = Math.ceil((geometry.batch * geometry.outHeight) / tile.sliceRows);
  return {
    kernel: { name: 'conv2d_filter_gradient_subgroup', text: subgroupText, shared: [vectorText(tile.vector)] },
    constants: {
      ...geometryConstants(geometry),
      SUBGROUP: subgroup,
      CHUNK: chunk,
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
    workgroups: (kernel[1] / tile.taps) * kernel[0] * inBlocks * outBlocks * groups * slices,
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
