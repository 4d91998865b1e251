import naiveText from '../../../kernels/conv2d_input_gradient_naive.wgsl?raw';
import { noActivation } from '../activation.js';
import { planChosen } from '../choose.js';
import type { Family, FormRequest } from '../forms.js';
import { offer } from '../offers.js';
import { type KernelStep, type Operand, type OperationPlan, threadGroups } from '../plan.js';
import { checkedStep, storedOperand, storedTexts } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { filterTransposeStep } from './filterTranspose.js';
import { statusBinding } from './output.js';
import { type ConvolutionGeometry, filterCount, geometryConstants } from './shape.js';
import {
  type ConvolutionTask,
  convolutionForms,
  convolutionSteps,
  naiveForm,
  type OutputFlags,
  readsTurned,
} from './task.js';

/** A convolution turned round, from its output's size to its input's: what its input's gradient is, and a transposed convolution. */
export interface TurnedConvolution {
  readonly operation: string;
  readonly key: string;
  /** Of the convolution that is turned round. */
  readonly geometry: ConvolutionGeometry;
  readonly flags: OutputFlags;
  /** All but scratch: filter, output and those of `input` and `bindings`. */
  readonly operands: Readonly<Record<string, Operand>>;
  /** The operand of the size of the convolution's output. */
  readonly input: string;
  /** The operands of what is added. */
  readonly bindings: Readonly<Record<string, string>>;
  /** Whether the filters change seldom, so that what is made of them is made once. */
  readonly constantFilter: boolean;
}

/** Plans a convolution that is turned round, in the form that is chosen. */
export function planTurned(turned: TurnedConvolution, traits: DeviceTraits, family: Family | undefined): OperationPlan {
  const { operation, key, geometry, flags, operands, input, bindings, constantFilter } = turned;
  const task: ConvolutionTask = {
    operation,
    geometry: turnedGeometry(geometry),
    flags,
    activation: noActivation.text,
    bindings: {
      ...bindings,
      output: 'output',
      input,
      filters: 'filter',
      ...(flags.CHECKED && { [statusBinding(flags.ADD_SUMS)]: 'status' }),
    },
    up: [geometry.stride[0], geometry.stride[1]],
    turned: true,
    constantFilter,
  };
  const request: FormRequest = {
    operation,
    key,
    forms: offer(traits, task, () => [...convolutionForms(task, traits), naiveForm(geometry)]),
    plan(form) {
      if (form.family === 'naive') return { operation, operands, steps: [naiveStep(turned)] };
      if (readsTurned(form.family, traits)) {
        const { steps, prepare, scratch, textures } = convolutionSteps(task, form, traits);
        return { operation, operands: { ...operands, ...scratch }, textures, steps, prepare };
      }
      const ahead = { ...task, turned: false, bindings: { ...task.bindings, filters: 'turnedFilter' } };
      const { steps, prepare, scratch } = convolutionSteps(ahead, form, traits);
      const use = constantFilter ? 'prepared' : 'scratch';
      const turnedFilter = storedOperand(geometry.precision, use, filterCount(geometry));
      const transpose = filterTransposeStep(geometry, 'filter', 'turnedFilter', false);
      return {
        operation,
        operands: { ...operands, turnedFilter, ...scratch },
        steps: constantFilter ? steps : [transpose, ...steps],
        prepare: constantFilter ? [transpose, ...prepare] : prepare,
      };
    },
  };
  return planChosen(request, traits, family);
}

/** The convolution of the given one's output, its pixels spread by the stride, that is the given one turned round. */
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

function naiveStep({ geometry, flags, input, bindings }: TurnedConvolution): KernelStep {
  const { BIAS, ADD_SUMS, SUMS_FACTOR, ACCUMULATE } = flags;
  const checked = checkedStep(flags.CHECKED);
  return {
    kernel: {
      name: 'conv2d_input_gradient_naive',
      text: naiveText,
      shared: [...storedTexts(1, geometry.precision), ...checked.shared],
    },
    constants: {
      ...geometryConstants(geometry),
      ...{ BIAS, ADD_SUMS, SUMS_FACTOR, ACCUMULATE },
      ...checked.constants,
    },
    workgroups: threadGroups(geometry.batch * geometry.inHeight * geometry.inWidth * geometry.inChannels),
    operands: { ...bindings, gradient: input, filters: 'filter', output: 'output', ...checked.operands },
  };
}
