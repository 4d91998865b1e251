import text from '../../kernels/transpose.wgsl?raw';
import { checkShape } from './fields.js';
import { type OperationPlan, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';

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
 * [batch, rows, columns], output [batch, columns, rows], overwritten, or added to with `accumulate`; status in float16 with
 * `accumulate`.
 *
 * @throws ShapeError for a size that is no positive integer.
 */
export function planTranspose(
  shape: TransposeShape,
  options: { readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'transpose';
  const { batch, rows, columns } = shape;
  checkShape(operation, shape, { batch, rows, columns });
  const { accumulate = false, precision = 'float32' } = options;
  const count = batch * rows * columns;
  const status = accumulate ? statusOperand(precision) : {};
  const checked = checkedStep(status.status !== undefined);
  return {
    operation,
    operands: {
      input: storedOperand(precision, 'input', count),
      output: storedOperand(precision, accumulate ? 'inout' : 'output', count),
      ...status,
    },
    steps: [
      {
        kernel: { name: 'transpose', text, shared: [...storedTexts(1, precision), ...checked.shared] },
        constants: { BATCH: batch, ROWS: rows, COLUMNS: columns, ACCUMULATE: accumulate, ...checked.constants },
        workgroups: threadGroups(count),
        operands: { input: 'input', output: 'output', ...checked.operands },
      },
    ],
  };
}
