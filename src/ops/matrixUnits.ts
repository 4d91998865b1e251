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

/** The matrix units of a device: texts, constants and costs of what multiplies by them. */
export interface MatrixUnits extends TileMultiplier<MatrixTile> {
  /** What the device multiplies. */
  readonly configurations: readonly MatrixConfiguration[];
  /** The tiles that the device runs for vectors of so many columns. */
  tiles(vector: 1 | 2 | 4): MatrixTile[];
}
