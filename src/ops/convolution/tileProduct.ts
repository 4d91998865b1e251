import scalarColumnText from '../../../kernels/shared/column_of_scalars.wgsl?raw';
import vectorColumnText from '../../../kernels/shared/column_of_vectors.wgsl?raw';
import inputScalarsText from '../../../kernels/shared/input_scalars.wgsl?raw';
import inputVectorsText from '../../../kernels/shared/input_vectors.wgsl?raw';
import depthText from '../../../kernels/shared/tile_depth.wgsl?raw';
import half1Text from '../../../kernels/shared/tile_f16_1.wgsl?raw';
import half2Text from '../../../kernels/shared/tile_f16_2.wgsl?raw';
import half4Text from '../../../kernels/shared/tile_f16_4.wgsl?raw';
import fullText from '../../../kernels/shared/tile_f32.wgsl?raw';
import productText from '../../../kernels/shared/tile_product.wgsl?raw';
import type { Constants } from '../../wgsl/constants.js';
import type { Form } from '../forms.js';
import type { MatrixTile } from '../matrixUnits.js';
import { type Precision, storedTexts } from '../precision.js';
import { type DeviceTraits, type Processor, processorOf } from '../traits.js';
import { type VectorWidth, widestVector } from '../vectors.js';
import type { ConvolutionGeometry } from './shape.js';
import type { BlockTile, TileMultiplier, TileOrder, TileWork } from './tileMultiplier.js';

/** Tile of a product by threads: kernels/shared/tile_product.wgsl. */
export interface ProductTile extends BlockTile {
  /** Rows of a thread's results. */
  readonly threadRows: number;
  readonly threadColumns: number;
  /**
   * Multiplies in float16, which needs the feature `shader-f16`: values and the sum of a step's products are float16, the
   * sum of the steps and everything in memory float32. Values beyond 65504 overflow.
   */
  readonly half: boolean;
}

type TileSizes = readonly [rows: number, columns: number, depth: number, threadRows: number, threadColumns: number];

/** Shapes of a thread and of its block that compile to few registers and much arithmetic a load. */
const fullSizes: readonly TileSizes[] = [
  [128, 64, 8, 8, 8],
  [64, 64, 8, 8, 8],
  [64, 64, 16, 8, 4],
  [64, 32, 8, 8, 4],
  [128, 16, 8, 8, 4],
  [64, 16, 8, 4, 4],
  [32, 64, 16, 4, 8],
  [32, 32, 16, 4, 4],
  [16, 64, 16, 4, 4],
  [64, 64, 4, 8, 8],
  [64, 16, 4, 4, 4],
  [256, 4, 4, 4, 4],
];

/** Longer steps, since each adds its float16 sums to the float32 ones. */
const halfSizes: readonly TileSizes[] = [
  [64, 64, 16, 8, 4],
  [64, 32, 16, 8, 4],
  [64, 16, 16, 4, 4],
  [32, 32, 16, 4, 4],
];

/** Steps of 32, for values that need no conversion on their way: seven of eight vector instructions are packed multiply-adds. */
const storedHalfSizes: readonly TileSizes[] = [[64, 64, 32, 8, 4], ...halfSizes];

/**
 * The tiles of which at least half a block is filled by so many rows and columns, and the smallest.
 *
 * @param precision - of what is multiplied, in memory
 */
export function productTiles(
  rows: number,
  columns: number,
  half: boolean,
  precision: Precision = 'float32',
): ProductTile[] {
  const sizes = precision === 'float16' ? storedHalfSizes : halfSizes;
  return (half ? sizes : fullSizes)
    .map(([blockRows, blockColumns, blockDepth, threadRows, threadColumns]) => {
      return { blockRows, blockColumns, blockDepth, threadRows, threadColumns, half };
    })
    .filter((tile) => fills(rows, columns, tile));
}

/** Whether rows and columns fill at least half a block, or the block is small. */
function fills(rows: number, columns: number, { blockRows, blockColumns }: BlockTile): boolean {
  return blockRows <= Math.max(2 * rows - 1, 64) && blockColumns <= Math.max(2 * columns - 1, 16);
}

/** Threads of a workgroup. */
function tileThreads({ blockRows, blockColumns, threadRows, threadColumns }: ProductTile): number {
  return (blockRows / threadRows) * (blockColumns / threadColumns);
}

/** What a kernel's text holds of multiply-adds of vectors, two of float16 as one. */
function tileBody({ blockDepth, threadRows, threadColumns, half }: ProductTile): number {
  return (blockDepth * threadRows * threadColumns) / (half ? 8 : 4);
}

interface TileCosts {
  /** A vector out of workgroup memory. */
  readonly read: number;
  /** A vector out of a buffer into workgroup memory. */
  readonly load: number;
  /** Barriers, and what else comes once a step. */
  readonly step: number;
  /** A result stored. */
  readonly output: number;
}

/** In multiply-adds of a thread: counted in the machine code of a GPU, and measured where a processor plays one. */
const tileCosts: Readonly<Record<Processor, TileCosts>> = {
  gpu: { read: 2, load: 10, step: 20, output: 6 },
  // A barrier ends a thread's turn: what it holds goes to memory and back.
  swiftShader: { read: 300, load: 400, step: 3000, output: 14 },
  llvmpipe: { read: 60, load: 160, step: 200, output: 25 },
};

/** The multiply-adds of a workgroup in so many steps, and what it does besides. */
function tileWork(tile: ProductTile, steps: number, traits: DeviceTraits): TileWork {
  const { blockRows, blockColumns, blockDepth, threadRows, threadColumns, half } = tile;
  const threads = tileThreads(tile);
  const costs = tileCosts[processorOf(traits)];
  const results = threadRows * threadColumns;
  // Processors have no arithmetic in float16, and convert to and fro.
  const halfProducts = traits.software ? 2 * results : results / 2;
  const products = blockDepth * (half ? halfProducts : results);
  const reads = (blockDepth * (threadRows + threadColumns)) / (half ? 8 : 4);
  const loads = ((blockRows + blockColumns) * blockDepth) / 4 / threads;
  const flush = half ? results : 0;
  const besides = costs.read * reads + costs.load * loads + flush + costs.step;
  return {
    threads,
    products: threads * steps * products,
    overhead: threads * (steps * besides + costs.output * results),
  };
}

/** The constants of a tile. */
function tileConstants(tile: ProductTile): Constants {
  return {
    BLOCK_ROWS: tile.blockRows,
    BLOCK_COLUMNS: tile.blockColumns,
    BLOCK_DEPTH: tile.blockDepth,
    THREAD_ROWS: tile.threadRows,
    THREAD_COLUMNS: tile.threadColumns,
  };
}

/** The shared texts that multiply by threads. */
function productTexts({ half }: ProductTile, vector: VectorWidth, { rowsByDepth }: TileOrder): string[] {
  return [
    // TileVector is as wide as Vector.
    half ? halfText(vector) : fullText,
    productText,
    // Nothing but a convolution's filters may come turned.
    ...(rowsByDepth ? [] : [vector === 1 ? scalarColumnText : vectorColumnText]),
  ];
}

function halfText(vector: VectorWidth): string {
  return { 1: half1Text, 2: half2Text, 4: half4Text }[vector];
}

const threads: TileMultiplier<ProductTile> = {
  body: tileBody,
  work: tileWork,
  constants: tileConstants,
  texts: productTexts,
};

/** What multiplies by a tile: threads, or matrix units. */
export function multiplierOf(tile: BlockTile, { matrix }: DeviceTraits): TileMultiplier<BlockTile> {
  return ('matrixRows' in tile ? matrix! : threads) as TileMultiplier<BlockTile>;
}

/** The shared texts of a product: columns in vectors of a width, and input channels of groups of a size. */
export function tileTexts(
  tile: BlockTile,
  vector: VectorWidth,
  { groupIn, precision }: ConvolutionGeometry,
  order: TileOrder,
  traits: DeviceTraits,
): string[] {
  return [
    ...storedTexts(vector, precision),
    groupIn % 4 === 0 ? inputVectorsText : inputScalarsText,
    depthText,
    ...('matrixRows' in tile ? [halfText(vector)] : []),
    ...multiplierOf(tile, traits).texts(tile, vector, order),
  ];
}

/**
 * The tiles of threads, in float16 where that is wanted, and of matrix units where the traits have such: those of which at least half a
 * block is filled by a product of one group of so many rows, and the smallest.
 */
export function tilesOf(
  rows: number,
  { groupOut, groups, precision }: ConvolutionGeometry,
  { half = false, matrix }: DeviceTraits,
  halfThreads: boolean,
): (ProductTile | MatrixTile)[] {
  const inHalf = half || precision === 'float16';
  const matrices = inHalf && groups === 1 ? (matrix?.tiles(widestVector(groupOut)) ?? []) : [];
  return [
    ...productTiles(rows, groupOut, false, precision),
    ...(inHalf && halfThreads ? productTiles(rows, groupOut, true, precision) : []),
    ...matrices.filter((tile) => fills(rows, groupOut, tile)),
  ];
}

/** The numbers of a form's tile as a tile. */
export function productTileOf(numbers: Readonly<Record<string, number>>): ProductTile | MatrixTile {
  return { ...(numbers as unknown as ProductTile), half: numbers.half === 1 };
}

/** A tile as the numbers of a form. */
export function formOfTile(tile: ProductTile | MatrixTile): Pick<Form, 'family' | 'tile'> {
  return {
    family: 'matrixRows' in tile ? 'matrix' : 'tiled',
    tile: { ...tile, half: Number('half' in tile && tile.half) },
  };
}
