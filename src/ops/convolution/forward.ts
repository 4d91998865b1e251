import { ShapeError } from '../../errors.js';
import { type ActivationOptions, endOf } from '../activation.js';
import { planChosen } from '../choose.js';
import type { Family, FormRequest } from '../forms.js';
import { offer } from '../offers.js';
import { type Operand, type OperationPlan, tensorBytes } from '../plan.js';
import { type Precision, type PrecisionOptions, statusOperand, storedOperand } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { statusBinding } from './output.js';
import {
  adjustConstant,
  type ConvolutionGeometry,
  type ConvolutionShape,
  checkConvolution,
  filterCount,
  inputCount,
  outputPixels,
  type UnitOptions,
  unitOperand,
} from './shape.js';
import { type ConvolutionTask, convolutionForms, convolutionSteps, naiveForm, plainFlags, shapeKey } from './task.js';

/** What a forward convolution does besides multiplying; all of it happens in registers before the one store. */
export interface ConvolutionOptions extends UnitOptions, ActivationOptions, PrecisionOptions {
  /** As what the output, and what is added to it, lies in memory; `precision` where left out. */
  readonly outputPrecision?: Precision;
  /** Adds the operand `bias` [outChannels]; default false. */
  readonly bias?: boolean;
  /** Batch normalisation as a scale and shift per channel behind the unit. */
  readonly scaleShift?: boolean;
  /** PReLU at the end: values below 0 are multiplied by the operand `slopes` [outChannels]. Not with another activation or an IC unit. */
  readonly slopes?: boolean;
  /** Adds a tensor of the output's shape. */
  readonly residual?: boolean;
  /** There is no operand residual: output holds it beforehand. */
  readonly residualInPlace?: boolean;
  /** Also stores the window sums [batch, outHeight, outWidth, groups], which the backward pass reads. */
  readonly storeSums?: boolean;
  /**
   * Also notes mean and variance of the output, channel by channel, for `planBatchNormTraining`: the operand
   * `statistics` [blocks, 3, outChannels], overwritten, with as many blocks of pixels as the form has. Not with scaleShift.
   */
  readonly statistics?: boolean;
  /**
   * The filters seldom change: what a form makes of them is made by the plan's `prepare` steps, once, instead of at every
   * run. Default false.
   */
  readonly constantFilter?: boolean;
  /** The kernel's family; the device's best form by default. */
  readonly family?: Family;
}

/** What else decides which forms there are. */
function keyWords(constantFilter: boolean, { scratch }: DeviceTraits): string {
  if (scratch === 0) return 'conv2d without scratch';
  return constantFilter ? 'conv2d constant' : 'conv2d';
}

/**
 * Convolution or IC convolution (arXiv 2102.03495): y = z + relu(z - adjust * S), with batch norm's scale and shift,
 * residual and activation, in one pass over the output; with `offset` y = z + relu(z - adjust * S + offset).
 *
 * Operands: input [N, H, W, C], filter [R, S, C / groups, K], output [N, P, Q, K]; with the options, bias [K], adjust
 * [K] or [C] (with `offset`, offsets [K] behind), scaleShift [2, K], slopes [K], residual [N, P, Q, K] and windowSums
 * [N, P, Q, groups]. All float32; with `precision` float16 input, filter, output and residual are that, and there is status, unless
 * both `storeSums` and `residual` are asked for.
 *
 * @throws ShapeError for a shape that does not fit, or `storeSums` or `offset` without an IC unit, or `slopes` with one; UnsupportedError for a family that
 *   the shape or the device does not allow.
 */
export function planConvolution(
  shape: ConvolutionShape,
  options: ConvolutionOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = (options.adjust ?? 'none') === 'none' ? 'conv2d' : 'icConv2d';
  const { precision = 'float32', outputPrecision = precision } = options;
  const geometry = checkConvolution(operation, shape, { precision, outputPrecision });
  return planForward(operation, geometry, options, traits);
}

/** {@link planConvolution} of a checked convolution, for errors under another name. */
export function planForward(
  operation: string,
  geometry: ConvolutionGeometry,
  options: ConvolutionOptions,
  traits: DeviceTraits,
): OperationPlan {
  const { precision, outputPrecision } = geometry;
  const adjust = options.adjust ?? 'none';
  if (options.storeSums && adjust === 'none') {
    throw new ShapeError({ operation, parameter: 'storeSums', expected: 'adjust output or input', got: adjust });
  }
  const unit = unitOperand(operation, geometry, options);
  if (options.statistics && options.scaleShift) {
    const expected = 'no statistics beside scaleShift: a batch norm is either measured or folded';
    throw new ShapeError({ operation, parameter: 'statistics', expected, got: 'both' });
  }
  const end = endOf(operation, options);
  if (options.slopes && (adjust !== 'none' || options.relu || options.activation)) {
    const expected = 'none with an IC unit or an activation';
    throw new ShapeError({ operation, parameter: 'slopes', expected, got: 'both' });
  }
  const inPlace = options.residualInPlace ?? false;
  const checked = precision === 'float16' && !(options.storeSums && options.residual && !inPlace);
  const flags = {
    ...plainFlags,
    ADJUST: adjustConstant(adjust),
    SUMS: adjustConstant(adjust),
    OFFSETS: unit.offsets,
    ADJUST_STRIDE: geometry.groupIn,
    BIAS: options.bias ?? false,
    SCALE_SHIFT: options.scaleShift ?? false,
    RESIDUAL: (options.residual ?? false) || inPlace,
    IN_PLACE: inPlace,
    ...end.constants,
    SLOPES: options.slopes ?? false,
    STORE_SUMS: options.storeSums ?? false,
    STATISTICS: options.statistics ?? false,
    CHECKED: checked,
  };
  const outputs = outputPixels(geometry) * geometry.outChannels;
  const operands: Record<string, Operand> = {
    input: storedOperand(precision, 'input', inputCount(geometry)),
    filter: storedOperand(precision, 'input', filterCount(geometry)),
    output: storedOperand(outputPrecision, inPlace ? 'inout' : 'output', outputs),
  };
  if (checked) Object.assign(operands, statusOperand(precision));
  const bindings: Record<string, string> = { input: 'input', filters: 'filter', output: 'output' };
  const add = (binding: string, name: string, operand: Operand): void => {
    operands[name] = operand;
    bindings[binding] = name;
  };
  const channels = geometry.outChannels;
  if (flags.BIAS) add('bias', 'bias', { bytes: tensorBytes(channels), use: 'input' });
  if (adjust !== 'none') add('adjust', 'adjust', { bytes: unit.bytes, use: 'input' });
  if (flags.SLOPES) add('adjust', 'slopes', { bytes: tensorBytes(channels), use: 'input' });
  if (flags.STATISTICS) bindings.scale_shift = 'statistics';
  if (flags.SCALE_SHIFT) add('scale_shift', 'scaleShift', { bytes: tensorBytes(2, channels), use: 'input' });
  if (flags.RESIDUAL && !inPlace) add('residual', 'residual', storedOperand(outputPrecision, 'input', outputs));
  if (flags.STORE_SUMS) add('window_sums', 'windowSums', { bytes: geometry.windowSumBytes, use: 'output' });

  if (checked) bindings[statusBinding(flags.STORE_SUMS)] = 'status';

  const constantFilter = options.constantFilter ?? false;
  const how = { up: [1, 1], turned: false, constantFilter } as const;
  const task: ConvolutionTask = { operation, geometry, flags, activation: end.text, bindings, ...how };
  const request: FormRequest = {
    operation,
    key: shapeKey(keyWords(constantFilter, traits), geometry),
    forms: offer(traits, task, () => [...convolutionForms(task, traits), naiveForm(geometry)]),
    plan(form) {
      const { steps, prepare, scratch, textures, outputBlocks } = convolutionSteps(task, form, traits);
      const statistics: Operand = { bytes: tensorBytes(outputBlocks, 3, channels), use: 'output', ofForm: true };
      const all = { ...scratch, ...operands, ...(flags.STATISTICS && { statistics }) };
      return { operation, operands: all, textures, steps, prepare };
    },
  };
  return planChosen(request, traits, options.family);
}
