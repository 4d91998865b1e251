import tiledText from '../../../kernels/conv2d_filter_gradient_tiled.wgsl?raw';
import rowFourText from '../../../kernels/shared/tile_row_four.wgsl?raw';
import type { Form, OfferedForm } from '../forms.js';
import { type DispatchWork, machineTime } from '../machine.js';
import type { MatrixTile } from '../matrixUnits.js';
import type { KernelStep } from '../plan.js';
import { type DeviceTraits, machineOf } from '../traits.js';
import { widestVector } from '../vectors.js';
import { asOneRow, type ConvolutionGeometry, geometryConstants, isPointwise } from './shape.js';
import type { BlockTile } from './tileMultiplier.js';
import { formOfTile, multiplierOf, type ProductTile, productTileOf, tilesOf, tileTexts } from './tileProduct.js';

/** Tile of a filter gradient in workgroup memory: rows are input channels of filter taps, columns output channels. */
type TiledGradientTile = (ProductTile | MatrixTile) & {
  /** Output pixels that a workgroup adds up: a multiple of the tile's depth. */
  readonly slicePixels: number;
};

/** Pixels after which the sum of a slice loses digits. */
const longestSlice = 1024;
const shortestSlice = 32;
const sliceCounts = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];

/** The tiles that suit a filter gradient, each in as many slices as make it fastest; of what is float16 in memory also some in it. */
export function tiledGradientForms(geometry: ConvolutionGeometry, traits: DeviceTraits): OfferedForm[] {
  const machine = machineOf(traits);
  const pixels = outPixels(geometry);
  const cost = (tile: TiledGradientTile): number => machineTime(tiledGradientWork(geometry, tile, traits), machine);
  const fewest = Math.ceil(pixels / longestSlice);
  const most = (traits.scratch ?? Number.POSITIVE_INFINITY) / geometry.filterBytes;
  const halfThreads = geometry.precision === 'float16';
  return tilesOf(4 * rowFours(geometry), geometry, traits, halfThreads).map((product) => {
    const { blockDepth } = product;
    const tiles = [fewest, ...sliceCounts]
      .filter((slices) => slices === fewest || (slices > fewest && pixels / slices >= shortestSlice && slices <= most))
      .map((slices) => ({ ...product, slicePixels: Math.ceil(pixels / slices / blockDepth) * blockDepth }));
    const costs = tiles.map(cost);
    const tile = tiles[costs.indexOf(Math.min(...costs))]!;
    const work = tiledGradientWork(geometry, tile, traits);
    return { ...formOfTile(tile), work, body: multiplierOf(tile, traits).body(tile) };
  });
}

/** How many slices a form makes. */
export function tiledGradientSlices(geometry: ConvolutionGeometry, { tile }: Form): number {
  return Math.ceil(outPixels(geometry) / tile.slicePixels!);
}

/** What the dispatches of a tile have to do. */
export function tiledGradientWork(
  geometry: ConvolutionGeometry,
  tile: TiledGradientTile,
  traits: DeviceTraits,
): DispatchWork[] {
  const { inputBytes, outputBytes, filterBytes } = geometry;
  const slices = Math.ceil(outPixels(geometry) / tile.slicePixels);
  const multiply = {
    workgroups: blocksOf(geometry, tile) * slices,
    ...multiplierOf(tile, traits).work(tile, tile.slicePixels / tile.blockDepth, traits),
    bytes: inputBytes + outputBytes + slices * filterBytes,
  };
  if (slices === 1) return [multiply];
  const sum = { workgroups: Math.ceil(filterBytes / 256), threads: 64, products: 0, overhead: 64 * (4 * slices + 20) };
  return [multiply, { ...sum, bytes: (slices + 1) * filterBytes }];
}

/** Rows and columns lie side by side in memory, pixel by pixel. */
const order = { rowsByDepth: true, columnsByDepth: true };

/** The kernel by tiles; operands input, gradient, and the given one for `output`. */
export function tiledGradientStep(
  given: ConvolutionGeometry,
  form: Form,
  traits: DeviceTraits,
  output: string,
): KernelStep {
  // Places of pixels take no division then.
  const geometry = isPointwise(given) ? asOneRow(given) : given;
  const tile = { ...productTileOf(form.tile), slicePixels: form.tile.slicePixels! };
  return {
    kernel: {
      name: 'conv2d_filter_gradient_tiled',
      text: tiledText,
      shared: [
        ...tileTexts(tile, widestVector(geometry.groupOut), geometry, order, traits),
        // Matrix units bring their own.
        ...(form.family === 'tiled' ? [rowFourText] : []),
      ],
    },
    constants: {
      ...geometryConstants(geometry),
      ...multiplierOf(tile, traits).constants(tile, order),
      IN_BLOCKS: inBlocks(geometry, tile),
      OUT_BLOCKS: outBlocks(geometry, tile),
      SLICE_PIXELS: tile.slicePixels,
    },
    workgroups: blocksOf(geometry, tile) * tiledGradientSlices(geometry, form),
    operands: { input: 'input', gradient: 'gradient', output },
  };
}

function outPixels({ batch, outHeight, outWidth }: ConvolutionGeometry): number {
  return batch * outHeight * outWidth;
}

/** Fours of input channels under all filter taps. */
function rowFours({ kernel, groupIn }: ConvolutionGeometry): number {
  return kernel[0] * kernel[1] * Math.ceil(groupIn / 4);
}

function inBlocks(geometry: ConvolutionGeometry, { blockRows }: BlockTile): number {
  return Math.ceil((4 * rowFours(geometry)) / blockRows);
}

function outBlocks({ groupOut }: ConvolutionGeometry, { blockColumns }: BlockTile): number {
  return Math.ceil(groupOut / blockColumns);
}

function blocksOf(geometry: ConvolutionGeometry, tile: BlockTile): number {
  return inBlocks(geometry, tile) * outBlocks(geometry, tile) * geometry.groups;
}
