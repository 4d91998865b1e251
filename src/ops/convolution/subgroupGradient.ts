import subgroupText from '../../../kernels/conv2d_filter_gradient_subgroup.wgsl?raw';
import gradientBlock from '../../../kernels/shared/gradient_block.wgsl?raw';
import type { OfferedForm } from '../forms.js';
import type { DispatchWork } from '../machine.js';
import type { KernelStep } from '../plan.js';
import { storedTexts } from '../precision.js';
import { type DeviceTraits, processorOf } from '../traits.js';
import { type VectorWidth, vectorWidths } from '../vectors.js';
import { asOneRow, type ConvolutionGeometry, geometryConstants, isPointwise } from './shape.js';
import { chunkLanes, subgroupCosts, tileColumns } from './subgroup.js';

/** Tile of the split reduction: what one lane holds and loads. */
export interface SubgroupGradientTile {
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

/** A dense layer's pixels form one row; so do those of a 1x1 convolution, but there rows are what slices count. */
function oneRowWhere(geometry: ConvolutionGeometry): ConvolutionGeometry {
  return geometry.outHeight === 1 && isPointwise(geometry) ? asOneRow(geometry) : geometry;
}

/** The tiles that suit a filter gradient; none where subgroups have no one size. */
export function subgroupGradientForms(given: ConvolutionGeometry, traits: DeviceTraits): OfferedForm[] {
  const { subgroup, software } = traits;
  if (subgroup === undefined || subgroup < 4 || subgroup > 32) return [];
  const geometry = oneRowWhere(given);
  const chunk = chunkLanes(subgroup, geometry.groupIn);
  const columns = geometry.kernel[1];
  const forms: OfferedForm[] = [];
  for (const vector of vectorWidths.filter((size) => geometry.groupOut % size === 0)) {
    for (const taps of columns === 1 ? [1] : [1, columns]) {
      for (const chunks of chunkCounts.filter((count) => (count - 1) * chunk < geometry.groupIn)) {
        for (const pixels of pixelCounts.filter((count) => count <= geometry.outWidth)) {
          const accumulators = taps * chunks * chunk;
          const body = Math.round(((accumulators * pixels + 5 * accumulators) * vector) / 4);
          if ((accumulators > mostAccumulators || body > mostBody) && accumulators * pixels > chunk) continue;
          const sliceRows = rowsOfSlice(geometry, { vector, taps, chunks }, subgroup, software ?? false);
          const tile = { vector, pixels, taps, chunks, sliceRows };
          forms.push({
            family: 'subgroup',
            tile,
            work: tileWork(geometry, tile, traits),
            body,
          });
        }
      }
    }
  }
  return forms;
}

/** As few slices as give every core work and keep each sum short. */
function rowsOfSlice(
  geometry: ConvolutionGeometry,
  tile: Omit<SubgroupGradientTile, 'pixels' | 'sliceRows'>,
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
  { vector, taps, chunks }: Omit<SubgroupGradientTile, 'pixels' | 'sliceRows'>,
  subgroup: number,
): number {
  const inBlocks = Math.ceil(groupIn / (chunkLanes(subgroup, groupIn) * chunks));
  return (kernel[1] / taps) * kernel[0] * inBlocks * Math.ceil(groupOut / (vector * subgroup)) * groups;
}

function tileWork(geometry: ConvolutionGeometry, tile: SubgroupGradientTile, traits: DeviceTraits): DispatchWork[] {
  const { vector, pixels, taps, chunks, sliceRows } = tile;
  const { inputBytes, outputBytes, filterBytes } = geometry;
  const { address, load, exchange, carry, workgroup } = subgroupCosts[processorOf(traits)];
  const subgroup = traits.subgroup!;
  const accumulators = taps * chunks * chunkLanes(subgroup, geometry.groupIn);
  const { columns } = tileColumns(geometry, pixels, taps);
  const loads = pixels * (address + vector * load) + chunks * columns * (address + load);
  const rows = geometry.batch * geometry.outHeight;
  const slices = Math.ceil(rows / sliceRows);
  const steps = sliceRows * Math.ceil(geometry.outWidth / pixels);
  const stored = load * accumulators * vector;
  const reduce = {
    workgroups: slices * blocksOf(geometry, tile, subgroup),
    threads: subgroup,
    products: subgroup * steps * accumulators * pixels * vector,
    overhead: subgroup * (steps * (loads + accumulators * (pixels * exchange + carry * vector)) + workgroup + stored),
    bytes: inputBytes + outputBytes + slices * filterBytes,
  };
  if (slices === 1) return [reduce];
  const sum = { workgroups: Math.ceil(filterBytes / 256), threads: 64, products: 0, overhead: 64 * slices * load };
  return [reduce, { ...sum, bytes: (slices + 1) * filterBytes }];
}

/** How many slices a tile makes. */
export function subgroupGradientSlices(given: ConvolutionGeometry, { sliceRows }: SubgroupGradientTile): number {
  const { batch, outHeight } = oneRowWhere(given);
  return Math.ceil((batch * outHeight) / sliceRows);
}

/** The kernel by subgroups; operands input, gradient, and the given one for `output`. */
export function subgroupGradientStep(
  given: ConvolutionGeometry,
  tile: SubgroupGradientTile,
  traits: DeviceTraits,
  output: string,
): KernelStep {
  const geometry = oneRowWhere(given);
  const { groups, groupIn, groupOut, kernel } = geometry;
  const { columns, columnStep, pixelStep } = tileColumns(geometry, tile.pixels, tile.taps);
  const subgroup = traits.subgroup!;
  const chunk = chunkLanes(subgroup, groupIn);
  const inBlocks = Math.ceil(groupIn / (chunk * tile.chunks));
  const outBlocks = Math.ceil(groupOut / (tile.vector * subgroup));
  const slices = subgroupGradientSlices(given, tile);
  return {
    kernel: {
      name: 'conv2d_filter_gradient_subgroup',
      text: subgroupText,
      shared: [...storedTexts(tile.vector, geometry.precision), gradientBlock],
    },
    constants: {
      ...geometryConstants(geometry),
      SUBGROUP: subgroup,
      PINNED: traits.pinned ?? false,
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
