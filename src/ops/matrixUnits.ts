import type { MatrixConfiguration } from '../device/matrixUnits.js';
import type { BlockTile, TileMultiplier } from './convolution/tileMultiplier.js';

/** Tile of a product by matrix units: kernels/shared/matrix_product.wgsl. */
export interface MatrixTile extends BlockTile {
  /** Subgroups among which the rows of a workgroup's results are divided. */
  readonly subgroupRows: number;
  /** Likewise the columns. */
  readonly subgroupColumns: number;
  /** M of the configuration. */
  readonly matrixRows: number;
  /** N. */
  readonly matrixColumns: number;
  /** K. */
  readonly matrixDepth: number;
}

/** The matrix units of a device, with what multiplies by them. */
export interface MatrixUnits {
  /** What the device multiplies. */
  readonly configurations: readonly MatrixConfiguration[];
  /** The tiles of which at least half a block is filled by so many rows and columns, and the smallest. */
  tiles(rows: number, columns: number): MatrixTile[];
  /** The texts, constants and costs of a tile. */
  readonly multiplier: TileMultiplier<MatrixTile>;
}
