import accumulateText from '../../kernels/accumulate.wgsl?raw';
import activationText from '../../kernels/activation.wgsl?raw';
import activationGradientText from '../../kernels/activation_gradient.wgsl?raw';
import addText from '../../kernels/add.wgsl?raw';
import type { Constants } from '../wgsl/constants.js';
import { type Activation, type ActivationOptions, endOf, type ReluOptions } from './activation.js';
import { type Operand, type OperationPlan, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { widestVector } from './vectors.js';
import { requireInteger } from './windows.js';

/** What a gradient does besides being computed. */
export interface GradientOptions extends PrecisionOptions {
  /** Adds the gradient to what its operand holds instead of overwriting it; default false. */
  readonly accumulate?: boolean;
}

/** ReLU, bounded above by `maximum`; NaN kept. Operands: input, output [count]. */
export function planRelu(count: number, options: Pick<ReluOptions, 'maximum'> & PrecisionOptions = {}): OperationPlan {
  const { maximum, ...stored } = options;
  return activated('relu', count, endOf('relu', { relu: true, ...options }), { ...stored, checked: false });
}

/**
 * Gradient of ReLU. Operands: gradient, activation (the ReLU's output) and inputGradient [count], which is overwritten,
 * or added to with `accumulate`; status in float16 with `accumulate`.
 */
export function planReluGradient(
  count: number,
  options: Pick<ReluOptions, 'maximum'> & GradientOptions = {},
): OperationPlan {
  const end = endOf('reluGradient', { relu: true, ...options });
  return activatedGradient('reluGradient', count, end, 'activation', {
    ...options,
    checked: options.accumulate ?? false,
  });
}

/** Sum of two tensors, with `relu` rectified. Operands: left, right, output [count]; status in float16. */
export function planAdd(count: number, options: ActivationOptions & PrecisionOptions = {}): OperationPlan {
  const { text: end, constants } = endOf('add', options);
  const uses = { left: 'input', right: 'input', output: 'output' } as const;
  return pointwise({ operation: 'add', kernel: 'add', text: addText, texts: [end], count, constants, uses }, options);
}

/**
 * Gradient of a sum with respect to one of its inputs: the gradient itself, copied, or added with `accumulate`.
 * Operands: input, output [count]; status in float16 with `accumulate`.
 */
export function planAddGradient(count: number, options: GradientOptions = {}): OperationPlan {
  const accumulate = options.accumulate ?? false;
  const uses = { input: 'input', output: accumulate ? 'inout' : 'output' } as const;
  const constants = { ACCUMULATE: accumulate };
  return pointwise(
    { operation: 'addGradient', kernel: 'accumulate', text: accumulateText, texts: [], count, constants, uses },
    { ...options, checked: accumulate },
  );
}

/** Whether what does not fit into float16 is noted, in a status; default true. */
interface CheckedOptions extends PrecisionOptions {
  readonly checked?: boolean;
}

/** A function of every element as an operation of its own. Operands: input, output [count]. */
export function activated(
  operation: string,
  count: number,
  { text: end, constants }: Activation,
  options: CheckedOptions,
): OperationPlan {
  const uses = { input: 'input', output: 'output' } as const;
  return pointwise(
    { operation, kernel: 'activation', text: activationText, texts: [end], count, constants, uses },
    options,
  );
}

/**
 * Its gradient.
 *
 * Operands: gradient, inputGradient [count], and one of a given name that tells the slope: the function's input, or of a ReLU
 * its output.
 */
export function activatedGradient(
  operation: string,
  count: number,
  { text: end, constants }: Activation,
  telling: string,
  { accumulate = false, ...options }: GradientOptions & CheckedOptions,
): OperationPlan {
  const kernel = 'activation_gradient';
  const uses = { gradient: 'input', [telling]: 'input', inputGradient: accumulate ? 'inout' : 'output' } as const;
  return pointwise(
    {
      operation,
      kernel,
      text: activationGradientText,
      texts: [end],
      count,
      constants: { ACCUMULATE: accumulate, ...constants },
      uses,
      bindings: { [telling]: 'input' },
    },
    options,
  );
}

/** An operation on elements by themselves. */
interface Pointwise {
  readonly operation: string;
  readonly kernel: string;
  readonly text: string;
  /** Shared ones, besides those of vectors. */
  readonly texts: readonly string[];
  readonly count: number;
  readonly constants: Constants;
  /** Of its tensors, by name. */
  readonly uses: Readonly<Record<string, Operand['use']>>;
  /** Bindings that are not called as their tensors. */
  readonly bindings?: Readonly<Record<string, string>>;
}

function pointwise(
  { operation, kernel, text, texts, count, constants, uses, bindings = {} }: Pointwise,
  { precision = 'float32', checked = true }: CheckedOptions,
): OperationPlan {
  requireInteger(count, 1, 'count', { operation, prefix: '' });
  const vector = widestVector(count);
  const names = Object.keys(uses);
  const bindingName = (name: string): string =>
    bindings[name] ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const status = checked ? statusOperand(precision) : {};
  const noting = checkedStep(status.status !== undefined);
  return {
    operation,
    operands: {
      ...Object.fromEntries(names.map((name) => [name, storedOperand(precision, uses[name]!, count)])),
      ...status,
    },
    steps: [
      {
        kernel: { name: kernel, text, shared: [...storedTexts(vector, precision), ...texts, ...noting.shared] },
        constants: { COUNT: count, ...constants, ...noting.constants },
        workgroups: threadGroups(count / vector),
        operands: {
          ...Object.fromEntries(names.map((name) => [bindingName(name), name])),
          ...noting.operands,
        },
      },
    ],
  };
}
