import probeText from '../../kernels/matrix_multiply_adds.wgsl?raw';
import productText from '../../kernels/shared/matrix_product.wgsl?raw';
import depthText from '../../kernels/shared/tile_depth.wgsl?raw';
import halfText from '../../kernels/shared/tile_f16_4.wgsl?raw';
import { UnsupportedError } from '../errors.js';
import type { MatrixTile, MatrixUnits } from './matrixUnits.js';
import { type OperationPlan, tensorBytes } from './plan.js';
import { storedTexts } from './precision.js';
import type { DeviceTraits } from './traits.js';

const operation = 'matrixMultiplyAdds';
const order = { rowsByDepth: false, columnsByDepth: false };

/**
 * Multiply-adds of matrix units with operands and sums in registers. Operand: output, overwritten.
 *
 * @throws UnsupportedError for traits without matrix units.
 */
export function planMatrixMultiplyAdds(workgroups: number, rounds: number, traits: DeviceTraits): OperationPlan {
  const { matrix, tile } = probeOf(traits);
  return {
    operation,
    operands: { output: { bytes: tensorBytes(workgroups, matrix.work(tile, 0, traits).threads), use: 'output' } },
    steps: [
      {
        kernel: {
          name: 'matrix_multiply_adds',
          text: probeText,
          shared: [...storedTexts(4, 'float32'), depthText, halfText, productText],
        },
        constants: { ...matrix.constants(tile, order), ROUNDS: rounds },
        workgroups,
        operands: { output: 'output' },
      },
    ],
  };
}

/** Multiply-adds of a workgroup of {@link planMatrixMultiplyAdds}. */
export function matrixMultiplyAddsOf(rounds: number, traits: DeviceTraits): number {
  const { blockRows, blockColumns, blockDepth } = probeOf(traits).tile;
  return blockRows * blockColumns * blockDepth * rounds;
}

/** A tile of one step of the matrix units, from those that a large product takes. */
function probeOf({ matrix }: DeviceTraits): { readonly matrix: MatrixUnits; readonly tile: MatrixTile } {
  const tile = matrix?.tiles(4).find(({ subgroupRows, subgroupColumns }) => subgroupRows === subgroupColumns);
  if (matrix && tile) return { matrix, tile: { ...tile, blockDepth: tile.matrixDepth } };
  throw new UnsupportedError({ operation, parameter: 'traits', expected: 'matrix units', got: 'none' });
}
