import text from '../../kernels/convert.wgsl?raw';
import narrowText from '../../kernels/shared/narrow.wgsl?raw';
import widenText from '../../kernels/shared/widen.wgsl?raw';
import { type OperationPlan, threadGroups } from './plan.js';
import { fitsText, type Precision, statusOperand, storedOperand, storedTexts } from './precision.js';
import { widestVector } from './vectors.js';
import { requireInteger } from './windows.js';

/**
 * A tensor from one precision into the other. Operands: input [count], output [count] in `precision`, and where that is float16
 * status.
 *
 * @param precision - of the output; the input has the other one
 * @throws ShapeError for a count that is no positive integer.
 */
export function planConvert(count: number, precision: Precision): OperationPlan {
  const operation = 'convert';
  requireInteger(count, 1, 'count', { operation, prefix: '' });
  const vector = widestVector(count);
  const narrow = precision === 'float16';
  return {
    operation,
    operands: {
      input: storedOperand(narrow ? 'float32' : 'float16', 'input', count),
      output: storedOperand(precision, 'output', count),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: {
          name: 'convert',
          text,
          shared: [...storedTexts(vector, 'float16'), narrow ? narrowText : widenText, fitsText],
          variables: ['COUNT'],
        },
        constants: { COUNT: count },
        workgroups: threadGroups(count / vector),
        operands: { input: 'input', output: 'output', ...(narrow && { status: 'status' }) },
      },
    ],
  };
}
