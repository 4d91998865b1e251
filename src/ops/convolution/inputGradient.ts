import naiveText from '../../../kernels/conv2d_input_gradient_naive.wgsl?raw';
import type { Constants } from '../../wgsl/constants.js';
import { noActivation } from '../activation.js';
import { planChosen } from '../choose.js';
import type { Family, FormRequest } from '../forms.js';
import { offer } from '../offers.js';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from '../plan.js';
import { checkedStep, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { filterTransposeStep } from './filterTranspose.js';
import { statusBinding } from './output.js';
import {
  type ConvolutionGeometry,
  type ConvolutionShape,
  checkConvolution,
  filterCount,
  geometryConstants,
  inputCount,
  outputPixels,
} from './shape.js';
import {
  type ConvolutionTask,
  convolutionForms,
  convolutionSteps,
  naiveForm,
  plainFlags,
  readsTurned,
  shapeKey,
} from './task.js';

/** What an input gradient does besides multiplying. */
export interface InputGradientOptions extends PrecisionOptions {
  /**
   * Adds the gradient that reaches the input through an IC unit's window sum, already brought back to the input's pixels
   * ([N, H, W, groups]): as it is for `output`, times adjust[c] for `input`.
   */
  readonly windowSums?: 'output' | 'input';
  /** Adds to what the output holds instead of overwriting it. */
  readonly accumulate?: boolean;
  /** The kernel's family; the device's best form by default. */
  readonly family?: Family;
}

/**
 * Gradient of a convolution with respect to its input: the transposed convolution of the output's gradient.
 *
 * Operands: gradient [N, P, Q, K] of z, filter [R, S, C / groups, K], output [N, H, W, C] (overwritten, or added to with
 * `accumulate`), windowSums [N, H, W, groups] and adjust [C] as the options say, scratch turnedFilter. With `precision` float16
 * gradient, filter and output are that, and there is status.
 *
 * @throws ShapeError for a shape that does not fit, UnsupportedError for a family that the device cannot run.
 */
export function planConvolutionInputGradient(
  shape: ConvolutionShape,
  options: InputGradientOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'conv2dInputGradient';
  const { precision = 'float32' } = options;
  const geometry = checkConvolution(operation, shape, { precision, outputPrecision: precision });
  const flags = {
    CHECKED: precision === 'float16',
    ADD_SUMS: options.windowSums !== undefined,
    SUMS_FACTOR: options.windowSums === 'input',
    ACCUMULATE: options.accumulate ?? false,
  };
  const operands: Record<string, Operand> = {
    gradient: storedOperand(precision, 'input', outputPixels(geometry) * geometry.outChannels),
    filter: storedOperand(precision, 'input', filterCount(geometry)),
    output: storedOperand(precision, flags.ACCUMULATE ? 'inout' : 'output', inputCount(geometry)),
    ...statusOperand(precision),
  };
  const bindings: Record<string, string> = { output: 'output' };
  if (flags.ADD_SUMS) {
    operands.windowSums = {
      bytes: tensorBytes(geometry.batch, geometry.inHeight, geometry.inWidth, geometry.groups),
      use: 'input',
    };
    bindings.window_sums = 'windowSums';
  }
  if (flags.SUMS_FACTOR) {
    operands.adjust = { bytes: tensorBytes(geometry.inChannels), use: 'input' };
    bindings.adjust = 'adjust';
  }
  const turned = turnedGeometry(geometry);
  const task: ConvolutionTask = {
    operation,
    geometry: turned,
    flags: { ...plainFlags, ...flags },
    activation: noActivation.text,
    bindings: {
      ...bindings,
      input: 'gradient',
      filters: 'filter',
      ...(flags.CHECKED && { [statusBinding(flags.ADD_SUMS)]: 'status' }),
    },
    up: [geometry.stride[0], geometry.stride[1]],
    turned: true,
    constantFilter: false,
  };
  const request: FormRequest = {
    operation,
    key: shapeKey(operation, geometry),
    forms: offer(traits, task, () => [...convolutionForms(task, traits), naiveForm(geometry)]),
    plan(form) {
      if (form.family === 'naive') {
        const step = naiveStep(geometry, flags, { ...bindings, gradient: 'gradient', filters: 'filter' });
        return { operation, operands, steps: [step] };
      }
      if (readsTurned(form.family, traits)) {
        const { steps, scratch, textures } = convolutionSteps(task, form, traits);
        return { operation, operands: { ...operands, ...scratch }, textures, steps };
      }
      const ahead = { ...task, turned: false, bindings: { ...task.bindings, filters: 'turnedFilter' } };
      const { steps, scratch } = convolutionSteps(ahead, form, traits);
      const turnedFilter = storedOperand(precision, 'scratch', filterCount(geometry));
      return {
        operation,
        operands: { ...operands, turnedFilter, ...scratch },
        steps: [filterTransposeStep(geometry, 'filter', 'turnedFilter', false), ...steps],
      };
    },
  };
  return planChosen(request, traits, options.family);
}

/** The convolution of the output's gradient, its pixels spread by the stride, that gives the input's gradient. */
function turnedGeometry(geometry: ConvolutionGeometry): ConvolutionGeometry {
  const { kernel, padding, dilation } = geometry;
  return {
    ...geometry,
    inHeight: geometry.outHeight,
    inWidth: geometry.outWidth,
    outHeight: geometry.inHeight,
    outWidth: geometry.inWidth,
    inChannels: geometry.outChannels,
    outChannels: geometry.inChannels,
    groupIn: geometry.groupOut,
    groupOut: geometry.groupIn,
    inputBytes: geometry.outputBytes,
    outputBytes: geometry.inputBytes,
    stride: [1, 1],
    padding: [dilation[0] * (kernel[0] - 1) - padding[0], dilation[1] * (kernel[1] - 1) - padding[1]],
  };
}

function naiveStep(geometry: ConvolutionGeometry, flags: Constants, operands: Record<string, string>): KernelStep {
  const checked = checkedStep(flags.CHECKED === true);
  return {
    kernel: {
      name: 'conv2d_input_gradient_naive',
      text: naiveText,
      shared: [...storedTexts(1, geometry.precision), ...checked.shared],
    },
    constants: { ...geometryConstants(geometry), ...flags },
    workgroups: threadGroups(geometry.batch * geometry.inHeight * geometry.inWidth * geometry.inChannels),
    operands: { ...operands, ...checked.operands },
  };
}
