import text from '../../kernels/transpose.wgsl?raw';
import { checkShape } from './fields.js';
import { type OperationPlan, tensorBytes, threadGroups } from './plan.js';

/** Matrices that are turned round, each by itself. */
export interface TransposeShape {
  /** Matrices. */
  readonly batch: number;
  /** Of the input. */
  readonly rows: number;
  /** Of the input. */
  readonly columns: number;
}

/**
 * Matrices turned round: images [N, H W, C] into rows [N, C H W] and back, each the other's gradient. Operands: input
 * [batch, rows, columns], output [batch, columns, rows], overwritten, or added to with `accumulate`.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planTranspose(shape: TransposeShape, options: { readonly accumulate?: boolean } = {}): OperationPlan {
  const operation = 'transpose';
  const { batch, rows, columns } = shape;
  checkShape(operation, shape, { batch, rows, columns });
  const accumulate = options.accumulate ?? false;
  const bytes = tensorBytes(batch, rows, columns);
  return {
    operation,
    operands: { input: { bytes, use: 'input' }, output: { bytes, use: accumulate ? 'inout' : 'output' } },
    steps: [
      {
        kernel: { name: 'transpose', text },
        constants: { BATCH: batch, ROWS: rows, COLUMNS: columns, ACCUMULATE: accumulate },
        workgroups: threadGroups(batch * rows * columns),
        operands: { input: 'input', output: 'output' },
      },
    ],
  };
}
