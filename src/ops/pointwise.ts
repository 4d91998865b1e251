import accumulateText from '../../kernels/accumulate.wgsl?raw';
import addText from '../../kernels/add.wgsl?raw';
import reluKernelText from '../../kernels/relu.wgsl?raw';
import reluGradientText from '../../kernels/relu_gradient.wgsl?raw';
import type { Constants } from '../wgsl/constants.js';
import { type Operand, type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { type ReluOptions, reluConstants, reluText } from './relu.js';
import { vectorText, widestVector } from './vectors.js';
import { requireInteger } from './windows.js';

/** ReLU, bounded above by `maximum`; NaN kept. Operands: input, output [count]. */
export function planRelu(count: number, options: Pick<ReluOptions, 'maximum'> = {}): OperationPlan {
  const constants = reluConstants('relu', { ...options, relu: true });
  return pointwise('relu', 'relu', reluKernelText, count, constants, { input: 'input', output: 'output' });
}

/**
 * Gradient of ReLU. Operands: gradient, activation (the ReLU's output) and inputGradient [count], which is overwritten,
 * or added to with `accumulate`.
 */
export function planReluGradient(
  count: number,
  options: Pick<ReluOptions, 'maximum'> & { readonly accumulate?: boolean } = {},
): OperationPlan {
  const { accumulate = false, ...bound } = options;
  const output = accumulate ? 'inout' : 'output';
  return pointwise(
    'reluGradient',
    'relu_gradient',
    reluGradientText,
    count,
    { ACCUMULATE: accumulate, ...reluConstants('reluGradient', { ...bound, relu: true }) },
    { gradient: 'input', activation: 'input', inputGradient: output },
  );
}

/** Sum of two tensors, with `relu` rectified. Operands: left, right, output [count]. */
export function planAdd(count: number, options: ReluOptions = {}): OperationPlan {
  const constants = reluConstants('add', options);
  return pointwise('add', 'add', addText, count, constants, { left: 'input', right: 'input', output: 'output' });
}

/**
 * Gradient of a sum with respect to one of its inputs: the gradient itself, copied, or added with `accumulate`.
 * Operands: input, output [count].
 */
export function planAddGradient(count: number, options: { readonly accumulate?: boolean } = {}): OperationPlan {
  const accumulate = options.accumulate ?? false;
  const output = accumulate ? 'inout' : 'output';
  const constants = { ACCUMULATE: accumulate };
  return pointwise('addGradient', 'accumulate', accumulateText, count, constants, { input: 'input', output });
}

function pointwise(
  operation: string,
  kernel: string,
  text: string,
  count: number,
  constants: Constants,
  uses: Readonly<Record<string, Operand['use']>>,
): OperationPlan {
  requireInteger(count, 1, 'count', { operation, prefix: '' });
  const vector = widestVector(count);
  const names = Object.keys(uses);
  const bindingName = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return {
    operation,
    operands: Object.fromEntries(names.map((name) => [name, { bytes: tensorBytes(count), use: uses[name]! }])),
    steps: [
      {
        kernel: { name: kernel, text, shared: [vectorText(vector), ...('RELU' in constants ? [reluText] : [])] },
        constants: { COUNT: count, ...constants },
        workgroups: threadGroups(count / vector),
        operands: Object.fromEntries(names.map((name) => [bindingName(name), name])),
      },
    ],
  };
}
