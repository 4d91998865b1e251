import accumulateText from '../../kernels/accumulate.wgsl?raw';
import addText from '../../kernels/add.wgsl?raw';
import reluKernelText from '../../kernels/relu.wgsl?raw';
import reluGradientText from '../../kernels/relu_gradient.wgsl?raw';
import type { Constants } from '../wgsl/constants.js';
import { type Operand, type OperationPlan, threadGroups } from './plan.js';
import { fitsText, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { type ReluOptions, reluConstants, reluText } from './relu.js';
import { widestVector } from './vectors.js';
import { requireInteger } from './windows.js';

/** ReLU, bounded above by `maximum`; NaN kept. Operands: input, output [count]. */
export function planRelu(count: number, options: Pick<ReluOptions, 'maximum'> & PrecisionOptions = {}): OperationPlan {
  const constants = reluConstants('relu', { ...options, relu: true });
  const uses = { input: 'input', output: 'output' } as const;
  return pointwise({ operation: 'relu', kernel: 'relu', text: reluKernelText, count, constants, uses }, options);
}

/**
 * Gradient of ReLU. Operands: gradient, activation (the ReLU's output) and inputGradient [count], which is overwritten,
 * or added to with `accumulate`; status in float16 with `accumulate`.
 */
export function planReluGradient(
  count: number,
  options: Pick<ReluOptions, 'maximum'> & { readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const { accumulate = false, precision = 'float32', ...bound } = options;
  const status = accumulate ? statusOperand(precision) : {};
  const constants = {
    ACCUMULATE: accumulate,
    ...reluConstants('reluGradient', { ...bound, relu: true }),
    CHECKED: status.status !== undefined,
  };
  const uses = { gradient: 'input', activation: 'input', inputGradient: accumulate ? 'inout' : 'output' } as const;
  return pointwise(
    { operation: 'reluGradient', kernel: 'relu_gradient', text: reluGradientText, count, constants, uses, status },
    { precision },
  );
}

/** Sum of two tensors, with `relu` rectified. Operands: left, right, output [count]; status in float16. */
export function planAdd(count: number, options: ReluOptions & PrecisionOptions = {}): OperationPlan {
  const status = statusOperand(options.precision ?? 'float32');
  const constants = { ...reluConstants('add', options), CHECKED: status.status !== undefined };
  const uses = { left: 'input', right: 'input', output: 'output' } as const;
  return pointwise({ operation: 'add', kernel: 'add', text: addText, count, constants, uses, status }, options);
}

/**
 * Gradient of a sum with respect to one of its inputs: the gradient itself, copied, or added with `accumulate`.
 * Operands: input, output [count]; status in float16 with `accumulate`.
 */
export function planAddGradient(
  count: number,
  options: { readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const accumulate = options.accumulate ?? false;
  const uses = { input: 'input', output: accumulate ? 'inout' : 'output' } as const;
  const status = accumulate ? statusOperand(options.precision ?? 'float32') : {};
  const constants = { ACCUMULATE: accumulate, CHECKED: status.status !== undefined };
  return pointwise(
    { operation: 'addGradient', kernel: 'accumulate', text: accumulateText, count, constants, uses, status },
    options,
  );
}

/** An operation on elements by themselves. */
interface Pointwise {
  readonly operation: string;
  readonly kernel: string;
  readonly text: string;
  readonly count: number;
  readonly constants: Constants;
  /** Of its tensors, by name. */
  readonly uses: Readonly<Record<string, Operand['use']>>;
  readonly status?: ReturnType<typeof statusOperand>;
}

function pointwise(
  { operation, kernel, text, count, constants, uses, status = {} }: Pointwise,
  { precision = 'float32' }: PrecisionOptions = {},
): OperationPlan {
  requireInteger(count, 1, 'count', { operation, prefix: '' });
  const vector = widestVector(count);
  const names = Object.keys(uses);
  const bindingName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return {
    operation,
    operands: {
      ...Object.fromEntries(names.map((name) => [name, storedOperand(precision, uses[name]!, count)])),
      ...status,
    },
    steps: [
      {
        kernel: {
          name: kernel,
          text,
          shared: [
            ...storedTexts(vector, precision),
            ...('RELU' in constants ? [reluText] : []),
            ...('CHECKED' in constants ? [fitsText] : []),
          ],
        },
        constants: { COUNT: count, ...constants },
        workgroups: threadGroups(count / vector),
        operands: {
          ...Object.fromEntries(names.map((name) => [bindingName(name), name])),
          ...(status.status && { status: 'status' }),
        },
      },
    ],
  };
}
