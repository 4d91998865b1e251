import type { Constants } from '../../wgsl/constants.js';
import type { DeviceTraits } from '../traits.js';

/** Sizes of a workgroup's part of a product of tiles. */
export interface BlockTile {
  /** Rows of a workgroup's results. */
  readonly blockRows: number;
  /** Columns of them. */
  readonly blockColumns: number;
  /** Terms of a step. */
  readonly blockDepth: number;
}

/** How what tiles are made of lies in memory. */
export interface TileOrder {
  /** Whether the rows of one term lie side by side, else the terms of a row. */
  readonly rowsByDepth: boolean;
  /** Whether the columns of one term lie side by side, else the terms of a column. */
  readonly columnsByDepth: boolean;
}

/** What a workgroup has to do. */
export interface TileWork {
  /** Of the workgroup. */
  readonly threads: number;
  /** Multiply-adds of its threads. */
  readonly products: number;
  /** What it does besides, by the multiply-adds that its threads could make meanwhile. */
  readonly overhead: number;
}

/** A way to multiply tiles in workgroup memory: kernels/shared/tile_product.wgsl, kernels/shared/matrix_product.wgsl. */
export interface TileMultiplier<Tile extends BlockTile> {
  /** What a kernel's text holds of multiply-adds of vectors, or what takes as long to compile. */
  body(tile: Tile): number;
  /** The work of a workgroup that makes so many steps on a device. */
  work(tile: Tile, steps: number, traits: DeviceTraits): TileWork;
  /** What the shared texts take of a tile. */
  constants(tile: Tile, order: TileOrder): Constants;
  /** The shared texts that multiply, columns being vectors of a width: beside those of what is multiplied. */
  texts(tile: Tile, vector: 1 | 2 | 4, order: TileOrder): string[];
}
