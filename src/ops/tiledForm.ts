import tiledText from '../../kernels/conv2d_tiled.wgsl?raw';
import inputScalarsText from '../../kernels/shared/input_scalars.wgsl?raw';
import inputVectorsText from '../../kernels/shared/input_vectors.wgsl?raw';
import half1Text from '../../kernels/shared/tile_f16_1.wgsl?raw';
import half2Text from '../../kernels/shared/tile_f16_2.wgsl?raw';
import half4Text from '../../kernels/shared/tile_f16_4.wgsl?raw';
import fullText from '../../kernels/shared/tile_f32.wgsl?raw';
import type { Constants } from '../wgsl/constants.js';
import { type ConvolutionGeometry, geometryConstants } from './convolution.js';
import { type OutputStep, outputTexts } from './convolutionOutput.js';
import type { RankedForm } from './forms.js';
import type { DeviceTraits } from './traits.js';
import { type VectorWidth, vectorText, widestVector } from './vectors.js';
import type { Pair } from './windows.js';

/** Tile of the convolution by tiles in workgroup memory. */
export interface TiledTile {
  /** Output pixels of a workgroup. */
  readonly blockPixels: number;
  /** Output channels of a workgroup. */
  readonly blockChannels: number;
  /** Input channels of a step. */
  readonly blockDepth: number;
  /** Output pixels of a thread. */
  readonly threadPixels: number;
  /** Output channels of a thread. */
  readonly threadChannels: number;
  /**
   * Multiplies in float16, which needs the feature `shader-f16`: values and the sum of a step's products are float16, the
   * sum of the steps and everything in memory float32. Values beyond 65504 overflow.
   */
  readonly half: boolean;
}

type TileSizes = readonly [
  pixels: number,
  channels: number,
  depth: number,
  threadPixels: number,
  threadChannels: number,
];

/** Shapes of a thread and of its block that compile to few registers and much arithmetic a load. */
const fullSizes: readonly TileSizes[] = [
  [128, 64, 8, 8, 8],
  [64, 64, 8, 8, 8],
  [64, 64, 16, 8, 4],
  [64, 32, 8, 8, 4],
  [128, 16, 8, 8, 4],
  [64, 16, 8, 4, 4],
  [32, 32, 16, 4, 4],
  [64, 64, 4, 8, 8],
  [64, 16, 4, 4, 4],
];

/** Longer steps, since each adds its float16 sums to the float32 ones. */
const halfSizes: readonly TileSizes[] = [
  [64, 64, 16, 8, 4],
  [64, 32, 16, 8, 4],
  [64, 16, 16, 4, 4],
  [32, 32, 16, 4, 4],
];

/** Barriers and indexed memory cost a processor many times what they cost a GPU. */
const softwareFactor = 10;

/** The tiles that suit a geometry, with their costs; those in float16 where the traits allow them. */
export function tiledForms(
  geometry: ConvolutionGeometry,
  { subgroup, software, half }: DeviceTraits,
  up: Pair,
): RankedForm[] {
  const scale = (software ? softwareFactor : 1) / (subgroup ?? 32);
  return [false, ...(half ? [true] : [])]
    .flatMap((precision) => tiledTiles(geometry, precision, up))
    .map((tile) => ({
      family: 'tiled' as const,
      tile: { ...tile, half: tile.half ? 1 : 0 },
      cost: tiledCost(geometry, tile, up) * scale,
      body: (tile.blockDepth * tile.threadPixels * tile.threadChannels) / 4,
    }));
}

/** Costs in multiply-adds of a thread, counted in the machine code of a GPU. */
const vectorReadCost = 2;
const vectorLoadCost = 10;
const stepCost = 20;
const outputCost = 6;

/**
 * The tiles worth trying for a convolution, the cheapest by {@link tiledCost} first: those of which at least half a block
 * is filled, and the smallest.
 *
 * @param up - rows and columns that the input is spread by, as for {@link tiledStep}
 */
export function tiledTiles(geometry: ConvolutionGeometry, half: boolean, up: Pair = [1, 1]): TiledTile[] {
  const pixels = phasePixels(geometry, up);
  const atMostHalfEmpty = (size: number, block: number, smallest: number): boolean =>
    block <= Math.max(2 * size - 1, smallest);
  return (half ? halfSizes : fullSizes)
    .map(([blockPixels, blockChannels, blockDepth, threadPixels, threadChannels]) => {
      return { blockPixels, blockChannels, blockDepth, threadPixels, threadChannels, half };
    })
    .filter(
      ({ blockPixels, blockChannels }) =>
        atMostHalfEmpty(pixels, blockPixels, 64) && atMostHalfEmpty(geometry.groupOut, blockChannels, 16),
    )
    .sort((a, b) => tiledCost(geometry, a, up) - tiledCost(geometry, b, up));
}

/**
 * What a tile costs, in multiply-adds of a thread at full rate: the work on padding is in it, and so are loads, reads of
 * workgroup memory and the store. How many workgroups there are for the device's units is not.
 */
export function tiledCost(geometry: ConvolutionGeometry, tile: TiledTile, up: Pair = [1, 1]): number {
  const { blockPixels, blockChannels, blockDepth, threadPixels, threadChannels, half } = tile;
  const outputs = threadPixels * threadChannels;
  const products = half ? outputs / 2 : outputs;
  const reads = (threadPixels + threadChannels) / (half ? 8 : 4);
  const loads = ((blockPixels + blockChannels) * blockDepth) / 4 / tileThreads(tile);
  const flush = half ? outputs : 0;
  const step = blockDepth * (products + vectorReadCost * reads) + vectorLoadCost * loads + flush + stepCost;
  const depthSteps = Math.ceil(geometry.groupIn / blockDepth);
  const blocks = pixelBlocks(geometry, tile, up) * channelBlocks(geometry, tile) * geometry.groups;
  const perPhase = phaseTaps(geometry, up).map((taps) => taps * depthSteps * step + outputCost * outputs);
  return blocks * tileThreads(tile) * perPhase.reduce((sum, cost) => sum + cost, 0);
}

/**
 * The tiled kernel for a convolution whose input is read with `up - 1` zeros between its pixels; `up` is above 1 with a
 * stride of 1 only.
 *
 * @param flags - the constants of shared/convolution_output.wgsl
 * @param operands - the operand of each binding
 */
export function tiledStep(
  geometry: ConvolutionGeometry,
  flags: Constants,
  operands: Record<string, string>,
  tile: TiledTile,
  up: Pair = [1, 1],
): OutputStep {
  const vector = widestVector(geometry.groupOut);
  const blocks = { PIXEL_BLOCKS: pixelBlocks(geometry, tile, up), CHANNEL_BLOCKS: channelBlocks(geometry, tile) };
  return {
    kernel: {
      name: 'conv2d_tiled',
      text: tiledText,
      shared: [vectorText(vector), ...outputTexts(), inputText(geometry.groupIn), precisionText(tile.half, vector)],
    },
    constants: {
      ...geometryConstants(geometry),
      ...flags,
      UP_HEIGHT: up[0],
      UP_WIDTH: up[1],
      BLOCK_PIXELS: tile.blockPixels,
      BLOCK_CHANNELS: tile.blockChannels,
      BLOCK_DEPTH: tile.blockDepth,
      THREAD_PIXELS: tile.threadPixels,
      THREAD_CHANNELS: tile.threadChannels,
      ...blocks,
    },
    workgroups: blocks.CHANNEL_BLOCKS * blocks.PIXEL_BLOCKS * up[0] * up[1] * geometry.groups,
    operands,
    outputBlocks: blocks.PIXEL_BLOCKS,
  };
}

/** Threads of a workgroup. */
function tileThreads({ blockPixels, blockChannels, threadPixels, threadChannels }: TiledTile): number {
  return (blockPixels / threadPixels) * (blockChannels / threadChannels);
}

function pixelBlocks(geometry: ConvolutionGeometry, tile: TiledTile, up: Pair): number {
  return Math.ceil(phasePixels(geometry, up) / tile.blockPixels);
}

function channelBlocks(geometry: ConvolutionGeometry, tile: TiledTile): number {
  return Math.ceil(geometry.groupOut / tile.blockChannels);
}

/** Output pixels of one row and column modulo `up`, the last ones of which may lie beyond the output. */
function phasePixels({ batch, outHeight, outWidth }: ConvolutionGeometry, up: Pair): number {
  return batch * Math.ceil(outHeight / up[0]) * Math.ceil(outWidth / up[1]);
}

/** For every row and column modulo `up`, how many filter taps meet a pixel of the input. */
function phaseTaps({ kernel, dilation, padding }: ConvolutionGeometry, up: Pair): number[] {
  const along = (axis: 0 | 1): number[] =>
    Array.from({ length: up[axis] }, (_, phase) => {
      const taps = Array.from({ length: kernel[axis] }, (_, tap) => phase + tap * dilation[axis] - padding[axis]);
      return taps.filter((place) => place % up[axis] === 0).length;
    });
  return along(0).flatMap((rows) => along(1).map((columns) => rows * columns));
}

/** How the kernel loads four channels of a pixel. */
function inputText(groupIn: number): string {
  return groupIn % 4 === 0 ? inputVectorsText : inputScalarsText;
}

/** What the values in workgroup memory are: `TileVector` is as wide as `Vector`. */
function precisionText(half: boolean, vector: VectorWidth): string {
  return half ? { 1: half1Text, 2: half2Text, 4: half4Text }[vector] : fullText;
}
