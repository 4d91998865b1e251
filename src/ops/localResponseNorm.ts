import text from '../../kernels/local_response_norm.wgsl?raw';
import gradientText from '../../kernels/local_response_norm_gradient.wgsl?raw';
import responseText from '../../kernels/shared/response.wgsl?raw';
import type { Constants } from '../wgsl/constants.js';
import type { BatchNormShape } from './batchNorm.js';
import { checkShape } from './fields.js';
import { type OperationPlan, threadGroups } from './plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { checkResponseNorm, type ResponseNormOptions } from './responseNormSettings.js';

export type { ResponseNormOptions };

/**
 * Local response norm across channels (Krizhevsky et al., 2012), as PyTorch's. Operands: input, output [pixels, channels],
 * overwritten; status in float16.
 *
 * @throws ShapeError for sizes that are no positive integers, alpha or beta below 0, or k that is not above 0.
 */
export function planLocalResponseNorm(
  shape: BatchNormShape,
  options: ResponseNormOptions & PrecisionOptions,
): OperationPlan {
  const operation = 'localResponseNorm';
  const { constants, count } = responseConstants(operation, shape, options);
  const { precision = 'float32' } = options;
  const checked = checkedStep(precision === 'float16');
  return {
    operation,
    operands: {
      input: storedOperand(precision, 'input', count),
      output: storedOperand(precision, 'output', count),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: {
          name: 'local_response_norm',
          text,
          shared: [...storedTexts(1, precision), responseText, ...checked.shared],
        },
        constants: { ...constants, ...checked.constants },
        workgroups: threadGroups(count),
        operands: { input: 'input', output: 'output', ...checked.operands },
      },
    ],
  };
}

/**
 * Gradient of {@link planLocalResponseNorm}. Operands: gradient of the output, input, inputGradient [pixels, channels],
 * overwritten, or added to with `accumulate`; status in float16.
 *
 * @throws ShapeError as {@link planLocalResponseNorm}.
 */
export function planLocalResponseNormGradient(
  shape: BatchNormShape,
  options: ResponseNormOptions & PrecisionOptions & { readonly accumulate?: boolean },
): OperationPlan {
  const operation = 'localResponseNormGradient';
  const { constants, count } = responseConstants(operation, shape, options);
  const { accumulate = false, precision = 'float32' } = options;
  const checked = checkedStep(precision === 'float16');
  return {
    operation,
    operands: {
      gradient: storedOperand(precision, 'input', count),
      input: storedOperand(precision, 'input', count),
      inputGradient: storedOperand(precision, accumulate ? 'inout' : 'output', count),
      ...statusOperand(precision),
    },
    steps: [
      {
        kernel: {
          name: 'local_response_norm_gradient',
          text: gradientText,
          shared: [...storedTexts(1, precision), responseText, ...checked.shared],
        },
        constants: { ...constants, ACCUMULATE: accumulate, ...checked.constants },
        workgroups: threadGroups(count),
        operands: { gradient: 'gradient', input: 'input', input_gradient: 'inputGradient', ...checked.operands },
      },
    ],
  };
}

function responseConstants(
  operation: string,
  shape: BatchNormShape,
  settings: ResponseNormOptions,
): { readonly constants: Constants; readonly count: number } {
  const { pixels, channels } = shape;
  checkShape(operation, shape, { pixels, channels });
  checkResponseNorm(settings, { operation, prefix: '' });
  const { size, alpha, beta, k } = settings;
  const constants = {
    PIXELS: pixels,
    CHANNELS: channels,
    SIZE: size,
    ALPHA: { f32: alpha / size },
    BETA: { f32: beta },
    K: { f32: k },
  };
  return { constants, count: pixels * channels };
}
