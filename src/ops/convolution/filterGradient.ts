import naiveText from '../../../kernels/conv2d_filter_gradient_naive.wgsl?raw';
import { planChosen } from '../choose.js';
import type { Family, Form, FormRequest } from '../forms.js';
import { offer } from '../offers.js';
import { type KernelStep, type Operand, type OperationPlan, tensorBytes, threadGroups } from '../plan.js';
import { type PrecisionOptions, storedOperand, storedTexts } from '../precision.js';
import { sumSlicesStep } from '../slices.js';
import type { DeviceTraits } from '../traits.js';
import { depthwiseGradientForms, depthwiseGradientStep } from './depthwise.js';
import { type SliceTile, sliceCount } from './depthwiseTiles.js';
import { groupedGradientForms, groupedGradientStep } from './groupedGradient.js';
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
  type SubgroupGradientTile,
  subgroupGradientForms,
  subgroupGradientSlices,
  subgroupGradientStep,
} from './subgroupGradient.js';
import { naiveForm, shapeKey } from './task.js';
import { tiledGradientForms, tiledGradientSlices, tiledGradientStep } from './tiledGradient.js';

/** How the gradient with respect to the filters is computed. */
export interface FilterGradientOptions extends PrecisionOptions {
  /** The kernel's family; the device's best form by default. */
  readonly family?: Family;
}

/**
 * Gradient of a convolution with respect to its filters.
 *
 * Operands: input [N, H, W, C], gradient [N, P, Q, K] of z, output [R, S, C / groups, K] (overwritten), and for the
 * split reduction the scratch slices. With `precision` float16 input and gradient are that; sums are float32.
 *
 * @throws ShapeError for a shape that does not fit, UnsupportedError for a family that the device cannot run.
 */
export function planConvolutionFilterGradient(
  shape: ConvolutionShape,
  options: FilterGradientOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'conv2dFilterGradient';
  const { precision = 'float32' } = options;
  const geometry = checkConvolution(operation, shape, { precision, outputPrecision: precision });
  return planFilterGradient(operation, geometry, options, traits);
}

/** {@link planConvolutionFilterGradient} of a checked convolution, for errors under another name. */
export function planFilterGradient(
  operation: string,
  given: ConvolutionGeometry,
  options: FilterGradientOptions,
  traits: DeviceTraits,
): OperationPlan {
  const { precision } = given;
  const geometry = { ...given, filterBytes: tensorBytes(filterCount(given)) };
  const operands: Record<string, Operand> = {
    input: storedOperand(precision, 'input', inputCount(geometry)),
    gradient: storedOperand(precision, 'input', outputPixels(geometry) * geometry.outChannels),
    output: { bytes: geometry.filterBytes, use: 'output' },
  };
  const request: FormRequest = {
    operation,
    key: shapeKey('conv2dFilterGradient', geometry),
    forms: offer(traits, ['conv2dFilterGradient', geometry], () => [
      ...depthwiseGradientForms(geometry, traits),
      ...groupedGradientForms(geometry, traits),
      ...tiledGradientForms(geometry, traits),
      ...subgroupGradientForms(geometry, traits),
      naiveForm(geometry),
    ]),
    plan(form) {
      const { slices, step } = reductionOf(geometry, form, traits);
      if (slices === 1) return { operation, operands, steps: [step('output')] };
      const { filterBytes } = geometry;
      return {
        operation,
        operands: { ...operands, slices: { bytes: slices * filterBytes, use: 'scratch' } },
        steps: [step('slices'), sumSlicesStep(slices, filterBytes / 4, 'output')],
      };
    },
  };
  return planChosen(request, traits, options.family);
}

/** A reduction over slices of pixels, each of which leaves a whole gradient in the operand that `step` is given. */
interface Reduction {
  readonly slices: number;
  step(output: string): KernelStep;
}

function reductionOf(geometry: ConvolutionGeometry, form: Form, traits: DeviceTraits): Reduction {
  switch (form.family) {
    case 'depthwise': {
      const tile = form.tile as unknown as SliceTile;
      return { slices: sliceCount(geometry, tile), step: (output) => depthwiseGradientStep(geometry, tile, output) };
    }
    case 'grouped': {
      const tile = form.tile as unknown as SliceTile;
      return { slices: sliceCount(geometry, tile), step: (output) => groupedGradientStep(geometry, tile, output) };
    }
    case 'tiled':
    case 'matrix':
      return {
        slices: tiledGradientSlices(geometry, form),
        step: (output) => tiledGradientStep(geometry, form, traits, output),
      };
    case 'subgroup': {
      const tile = form.tile as unknown as SubgroupGradientTile;
      return {
        slices: subgroupGradientSlices(geometry, tile),
        step: (output) => subgroupGradientStep(geometry, tile, traits, output),
      };
    }
    default:
      return { slices: 1, step: () => naiveStep(geometry) };
  }
}

function naiveStep(geometry: ConvolutionGeometry): KernelStep {
  const { kernel, groupIn, outChannels, precision } = geometry;
  return {
    kernel: { name: 'conv2d_filter_gradient_naive', text: naiveText, shared: storedTexts(1, precision) },
    constants: geometryConstants(geometry),
    workgroups: threadGroups(kernel[0] * kernel[1] * groupIn * outChannels),
    operands: { input: 'input', gradient: 'gradient', output: 'output' },
  };
}
