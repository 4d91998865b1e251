import type { Constants } from '../../wgsl/constants.js';
import type { OfferedForm } from '../forms.js';
import type { DispatchWork } from '../machine.js';
import { type DeviceTraits, processorOf } from '../traits.js';
import type { VectorWidth } from '../vectors.js';
import type { Pair } from '../windows.js';
import type { ConvolutionGeometry } from './shape.js';
import { subgroupCosts } from './subgroup.js';

/** Output pixels of a thread. */
export interface BlockTile {
  readonly rows: number;
  readonly pixels: number;
}

/** A tile with the work of its dispatch and the length of its text. */
export interface OfferedTile<Tile> extends Pick<OfferedForm, 'work' | 'body'> {
  readonly tile: Tile;
}

/** What a thread of a filter gradient goes through. */
export interface SliceTile {
  /** Output pixels of a step. */
  readonly pixels: number;
  /** Rows of output pixels (n, p) that a thread adds up. */
  readonly sliceRows: number;
}

/** Threads of a workgroup. */
export const blockThreads = 64;

const pixelCounts = [1, 2, 3, 4, 5, 6, 7, 8, 10, 14, 16];
const rowCounts = [1, 2, 3, 4];
const mostOutputs = 32;
const mostBody = 400;
/** How many threads keep a device busy. */
const busyThreads = { software: 64, hardware: 16_384 };
/** Pixels after which the sum of a slice loses digits. */
const longestSlice = 1024;
/** A loop of more vector loads takes processors that play a GPU twice as long: its code is too long to be kept decoded. */
const mostLoopLoads = 10;

/** The blocks that suit a geometry in vectors of so many channels, each with its work and the length of its text. */
export function blockTiles(
  geometry: ConvolutionGeometry,
  vector: VectorWidth,
  traits: DeviceTraits,
  up: Pair,
): OfferedTile<BlockTile>[] {
  const { outHeight, outWidth, kernel } = geometry;
  const [height, width] = kernel;
  const { load } = subgroupCosts[processorOf(traits)];
  return sizesUpTo(rowCounts, outHeight, up[0]).flatMap((rows) =>
    sizesUpTo(pixelCounts, outWidth, up[1]).flatMap((pixels) => {
      const tile = { rows, pixels };
      const outputs = rows * pixels;
      const text = (outputs * width) / up[1];
      if (outputs > up[0] * up[1] && (outputs > mostOutputs || text > mostBody)) return [];
      const { ROWS_IN, COLUMNS } = blockWindow(geometry, tile, up);
      const weights = (rows * height * width) / up[0];
      const products = (outputs * height * width) / (up[0] * up[1]);
      // To see which filter row an input row meets costs about a load.
      const tests = (ROWS_IN * rows) / vector;
      const loads = load * (ROWS_IN * COLUMNS + weights + tests + outputs);
      const work = [workOfThreads(geometry, blockCount(geometry, tile, vector), vector * products, vector * loads)];
      return [{ tile, work, body: Math.round(((text + 5 * outputs) * vector) / 4) }];
    }),
  );
}

/** How many threads compute a geometry in blocks. */
export function blockCount(geometry: ConvolutionGeometry, tile: BlockTile, vector: number): number {
  const { ROW_BLOCKS, COLUMN_BLOCKS } = blockCounts(geometry, tile);
  return geometry.batch * ROW_BLOCKS * COLUMN_BLOCKS * (geometry.outChannels / vector);
}

/** The constants of a block: its size, the inputs under it, and how many there are. */
export function blockConstants(geometry: ConvolutionGeometry, tile: BlockTile, up: Pair): Constants {
  const { FIRST_ROW, FIRST_COLUMN, ...window } = blockWindow(geometry, tile, up);
  return {
    UP_HEIGHT: up[0],
    UP_WIDTH: up[1],
    ROWS: tile.rows,
    PIXELS: tile.pixels,
    FIRST_ROW: { i32: FIRST_ROW },
    FIRST_COLUMN: { i32: FIRST_COLUMN },
    ...window,
    ...blockCounts(geometry, tile),
    THREADS: blockThreads,
  };
}

/** What a thread of a filter gradient loads of a pixel: vectors of output channels, and of input channels each of which it multiplies by them. */
export interface SliceLoads {
  readonly vector: VectorWidth;
  /** Input channels that meet every output channel: 1 of a depthwise convolution. */
  readonly read: VectorWidth;
  /** Threads for the input channels of a group. */
  readonly reads: number;
}

/** The slices that suit a filter gradient, each with its work and the length of its text. */
export function sliceTiles(
  geometry: ConvolutionGeometry,
  { vector, read, reads }: SliceLoads,
  traits: DeviceTraits,
): OfferedTile<SliceTile>[] {
  const { batch, outHeight, outWidth, outChannels, kernel } = geometry;
  const { load } = subgroupCosts[processorOf(traits)];
  const rowThreads = (outChannels / vector) * reads * kernel[0];
  const rows = batch * outHeight;
  const longest = Math.max(1, Math.floor(longestSlice / outWidth));
  const wanted = Math.max(Math.ceil(busy(traits) / rowThreads), Math.ceil(rows / longest));
  const sliceRows = Math.ceil(rows / Math.min(rows, wanted));
  const slices = Math.ceil(rows / sliceRows);
  return sizesUpTo(pixelCounts, outWidth, 1).flatMap((pixels) => {
    const products = pixels * kernel[1] * read;
    if (pixels > 1 && products > mostBody) return [];
    const loads = columnsOf(geometry, pixels) + pixels;
    const step = load * loads * (traits.software && loads > mostLoopLoads ? 2 : 1);
    const steps = vector * sliceRows * Math.ceil(outWidth / pixels);
    // Each slice is stored once and read once by the sum.
    const stored = 2 * vector * load * kernel[1] * read;
    const work = [workOfThreads(geometry, rowThreads * slices, steps * products, steps * step + stored)];
    return [{ tile: { pixels, sliceRows }, work, body: Math.round((products * vector) / 4) }];
  });
}

/** How many slices a tile makes. */
export function sliceCount({ batch, outHeight }: ConvolutionGeometry, { sliceRows }: SliceTile): number {
  return Math.ceil((batch * outHeight) / sliceRows);
}

/** The constants of slices. */
export function sliceConstants(geometry: ConvolutionGeometry, tile: SliceTile): Constants {
  return {
    PIXELS: tile.pixels,
    COLUMNS: columnsOf(geometry, tile.pixels),
    SLICES: sliceCount(geometry, tile),
    SLICE_ROWS: tile.sliceRows,
    THREADS: blockThreads,
  };
}

/** Multiples of `step` that do not reach a whole one beyond a size; always the first. */
function sizesUpTo(counts: readonly number[], size: number, step: number): number[] {
  return counts.map((count) => count * step).filter((count, index) => index === 0 || count < size + step);
}

/** Input columns under the windows of neighbouring outputs. */
function columnsOf({ stride, kernel, dilation }: ConvolutionGeometry, pixels: number): number {
  return (pixels - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1;
}

/** The inputs under a block. */
function blockWindow({ kernel, stride, padding, dilation }: ConvolutionGeometry, tile: BlockTile, up: Pair) {
  const along = (axis: 0 | 1, outputs: number): [first: number, shift: number, count: number] => {
    const first = Math.floor(-padding[axis] / up[axis]);
    const shift = -padding[axis] - first * up[axis];
    const reach = (outputs - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + shift;
    return [first, shift, Math.floor(reach / up[axis]) + 1];
  };
  const [FIRST_ROW, ROW_SHIFT, ROWS_IN] = along(0, tile.rows);
  const [FIRST_COLUMN, COLUMN_SHIFT, COLUMNS] = along(1, tile.pixels);
  return { FIRST_ROW, ROW_SHIFT, ROWS_IN, FIRST_COLUMN, COLUMN_SHIFT, COLUMNS };
}

function blockCounts({ outHeight, outWidth }: ConvolutionGeometry, { rows, pixels }: BlockTile) {
  return { ROW_BLOCKS: Math.ceil(outHeight / rows), COLUMN_BLOCKS: Math.ceil(outWidth / pixels) };
}

function busy({ software }: DeviceTraits): number {
  return software ? busyThreads.software : busyThreads.hardware;
}

/** The work of so many threads, each with so many multiply-adds and what it does besides. */
function workOfThreads(
  { inputBytes, outputBytes, filterBytes }: ConvolutionGeometry,
  count: number,
  products: number,
  overhead: number,
): DispatchWork {
  return {
    workgroups: Math.ceil(count / blockThreads),
    threads: blockThreads,
    products: Math.min(count, blockThreads) * products,
    overhead: Math.min(count, blockThreads) * overhead,
    bytes: inputBytes + outputBytes + filterBytes,
  };
}
