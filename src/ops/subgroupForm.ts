import subgroupText from '../../kernels/conv2d_subgroup.wgsl?raw';
import type { Constants } from '../wgsl/assemble.js';
import { asOneRow, type ConvolutionGeometry, geometryConstants, isPointwise } from './convolution.js';
import { outputTexts } from './convolutionOutput.js';
import type { RankedForm } from './forms.js';
import type { KernelStep } from './plan.js';
import type { DeviceTraits } from './traits.js';
import { type VectorWidth, vectorText, vectorWidths } from './vectors.js';
import type { Pair } from './windows.js';

/** Tile of the subgroup-broadcast convolution: what one lane holds and loads. */
export interface SubgroupTile {
  /** Channels of a vector. */
  readonly vector: VectorWidth;
  readonly vectors: number;
  /** Output pixels of a row, and rows. */
  readonly pixels: number;
  readonly rows: number;
  /** Filter columns that share a loaded row: 1 or all. */
  readonly taps: number;
}

/** Costs in units of one vector multiply-add of a subgroup, measured on processors that play a GPU. */
export interface SubgroupCosts {
  readonly load: number;
  readonly broadcast: number;
  readonly workgroup: number;
}

/** What the cost model takes for subgroups of a size. */
export function costsFor(subgroup: number): SubgroupCosts {
  return subgroup <= 4 ? { load: 15, broadcast: 2.5, workgroup: 300 } : { load: 25, broadcast: 1.5, workgroup: 300 };
}

/** Vector accumulators of a lane: beyond, kernels grow no faster, and compile for seconds. */
const mostAccumulators = 64;
const mostBody = 700;
const pixelCounts = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 28];
const rowCounts = [1, 2, 3, 4, 6, 7, 8];

/** The tiles that suit a geometry, with their costs; none where subgroups have no one size or hardly a lane has work. */
export function subgroupForms(geometry: ConvolutionGeometry, { subgroup }: DeviceTraits, up: Pair): RankedForm[] {
  if (subgroup === undefined || subgroup < 4 || subgroup > 32) return [];
  const flat = flatten(geometry, up);
  return tilesOf(flat, subgroup, up).map((tile) => ({
    family: 'subgroup',
    tile: { ...tile },
    cost: tileCost(flat, subgroup, up, tile),
    body: tileBody(flat, subgroup, tile),
  }));
}

/** The broadcast kernel for a convolution whose input is read with `up - 1` zeros between its pixels. */
export function subgroupStep(
  given: ConvolutionGeometry,
  flags: Constants,
  operands: Readonly<Record<string, string>>,
  tile: SubgroupTile,
  { subgroup }: DeviceTraits,
  up: Pair,
): KernelStep {
  const geometry = flatten(given, up);
  const lanes = subgroup!;
  const { columns, columnStep, pixelStep } = tileColumns(geometry, tile.pixels, tile.taps);
  const { columnBlocks, imageRows, rowBlocks, channelBlocks } = blocksOf(geometry, lanes, up, tile);
  const chunk = Math.min(lanes, geometry.groupIn);
  return {
    kernel: { name: 'conv2d_subgroup', text: subgroupText, shared: [vectorText(tile.vector), ...outputTexts()] },
    constants: {
      ...geometryConstants(geometry),
      ...flags,
      UP_HEIGHT: up[0],
      UP_WIDTH: up[1],
      SUBGROUP: lanes,
      CHUNK: chunk,
      HELD: heldFilters(lanes, chunk),
      VECTORS: tile.vectors,
      PIXELS: tile.pixels,
      ROWS: tile.rows,
      TAPS: tile.taps,
      COLUMNS: columns,
      COLUMN_STEP: columnStep,
      PIXEL_STEP: pixelStep,
      COLUMN_BLOCKS: columnBlocks,
      IMAGE_ROWS: imageRows,
      ROW_BLOCKS: rowBlocks,
      CHANNEL_BLOCKS: channelBlocks,
    },
    workgroups: columnBlocks * rowBlocks * up[0] * up[1] * channelBlocks * geometry.groups,
    operands,
  };
}

/**
 * Filter rows read ahead of the pixels. Eight lanes keep them near (measured: up to 1.4 times faster), four have no
 * registers for it, and wide subgroups would fill theirs.
 */
function heldFilters(subgroup: number, chunk: number): number {
  const wanted = subgroup <= 4 ? 1 : subgroup <= 8 ? 8 : 4;
  return chunk % wanted === 0 ? wanted : 1;
}

function flatten(geometry: ConvolutionGeometry, up: Pair): ConvolutionGeometry {
  return isPointwise(geometry) && up.every((size) => size === 1) ? asOneRow(geometry) : geometry;
}

function tilesOf(geometry: ConvolutionGeometry, subgroup: number, up: Pair): SubgroupTile[] {
  const width = Math.ceil(geometry.outWidth / up[1]);
  const rows = Math.ceil(geometry.outHeight / up[0]) * geometry.batch;
  const tiles: SubgroupTile[] = [];
  for (const [vector, vectors] of channelTiles(geometry.groupOut, subgroup)) {
    for (const pixels of pixelCounts.filter((size) => size < width + 2)) {
      for (const tileRows of rowCounts.filter((size) => size <= rows)) {
        for (const taps of up[1] > 1 || geometry.kernel[1] === 1 ? [1] : [1, geometry.kernel[1]]) {
          const tile = { vector, vectors, pixels, rows: tileRows, taps };
          const accumulators = pixels * tileRows * vectors;
          const fits = accumulators <= mostAccumulators && tileBody(geometry, subgroup, tile) <= mostBody;
          if (fits || accumulators === 1) tiles.push(tile);
        }
      }
    }
  }
  return tiles;
}

/** Channels of a lane: vectors as wide as the channels allow, two of them, and narrower ones where lanes would idle. */
function channelTiles(channels: number, subgroup: number): [VectorWidth, number][] {
  const widths = vectorWidths.filter((size) => channels % size === 0);
  const widest = widths[0]!;
  const singles = widths.filter((size) => size === widest || channels < 2 * size * subgroup);
  const pairs = channels > widest * subgroup ? [[widest, 2] as [VectorWidth, number]] : [];
  return [...pairs, ...singles.map((size): [VectorWidth, number] => [size, 1])];
}

/** Vector multiply-adds that the kernel's text holds; stores count for as much code as five. */
function tileBody(geometry: ConvolutionGeometry, subgroup: number, tile: SubgroupTile): number {
  const chunk = Math.min(subgroup, geometry.groupIn);
  const accumulators = tile.pixels * tile.rows * tile.vectors;
  return Math.round(((accumulators * tile.taps * chunk + 5 * accumulators) * tile.vector) / 4);
}

function tileCost(geometry: ConvolutionGeometry, subgroup: number, up: Pair, tile: SubgroupTile): number {
  const { vector, vectors, pixels, rows, taps } = tile;
  const { kernel, groupIn, groups } = geometry;
  const { load, broadcast, workgroup } = costsFor(subgroup);
  const chunk = Math.min(subgroup, groupIn);
  const steps = (kernel[0] / up[0]) * (kernel[1] / taps / up[1]) * Math.ceil(groupIn / chunk);
  const inputLoads = rows * tileColumns(geometry, pixels, taps).columns;
  const terms = taps * chunk * rows * pixels;
  const step = load * (inputLoads + taps * chunk * vector * vectors) + terms * (broadcast + vector * vectors);
  const output = workgroup + load * rows * pixels * vector * vectors;
  const { columnBlocks, rowBlocks, channelBlocks } = blocksOf(geometry, subgroup, up, tile);
  return columnBlocks * rowBlocks * up[0] * up[1] * channelBlocks * groups * (steps * step + output);
}

function blocksOf(geometry: ConvolutionGeometry, subgroup: number, up: Pair, tile: SubgroupTile) {
  const imageRows = Math.ceil(geometry.outHeight / up[0]);
  return {
    imageRows,
    columnBlocks: Math.ceil(Math.ceil(geometry.outWidth / up[1]) / tile.pixels),
    rowBlocks: Math.ceil((imageRows * geometry.batch) / tile.rows),
    channelBlocks: Math.ceil(geometry.groupOut / (tile.vector * tile.vectors * subgroup)),
  };
}

/** Input columns that a lane loads for its pixels: all between first and last, or with one tap just those it needs. */
export function tileColumns(
  geometry: ConvolutionGeometry,
  pixels: number,
  taps: number,
): { columns: number; columnStep: number; pixelStep: number } {
  const stride = geometry.stride[1];
  if (taps === 1) return { columns: pixels, columnStep: stride, pixelStep: 1 };
  const columns = (pixels - 1) * stride + (taps - 1) * geometry.dilation[1] + 1;
  return { columns, columnStep: 1, pixelStep: stride };
}
