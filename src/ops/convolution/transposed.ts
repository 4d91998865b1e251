import { checkShape } from '../fields.js';
import type { Family } from '../forms.js';
import { type OperationPlan, renameOperands, tensorBytes } from '../plan.js';
import { type PrecisionOptions, statusOperand, storedOperand } from '../precision.js';
import type { DeviceTraits } from '../traits.js';
import { type Padding, type Pair, transposedOutputs } from '../windows.js';
import { planFilterGradient } from './filterGradient.js';
import { planForward } from './forward.js';
import { type ConvolutionGeometry, checkGroups, filterCount, geometryOf, inputCount, outputPixels } from './shape.js';
import { plainFlags, shapeKey } from './task.js';
import { planTurned } from './turned.js';

/**
 * What a transposed convolution is asked for: activations NHWC, filters [height, width, outChannels / groups, inChannels], which
 * are those of the convolution whose input gradient it is.
 */
export interface TransposedConvolutionShape {
  /** Images. */
  readonly batch: number;
  /** Of the input, in pixels. */
  readonly inHeight: number;
  /** Of the input, in pixels. */
  readonly inWidth: number;
  /** Of the input. */
  readonly inChannels: number;
  /** Of the output. */
  readonly outChannels: number;
  /** Height and width of the filters. */
  readonly kernel: Pair;
  /** How far apart the input's pixels come to lie, along height and width; [1, 1] where left out. */
  readonly stride?: Pair;
  /** What is cut off the output's sides: height, width, or top, left, bottom, right; [0, 0] where left out. */
  readonly padding?: Padding;
  /** Rows and columns added behind, less than stride or dilation; [0, 0] where left out. */
  readonly outputPadding?: Pair;
  /** Distance of neighbouring taps along height and width, from 1; [1, 1] where left out. */
  readonly dilation?: Pair;
  /** Divides input and output channels, 1 where left out. */
  readonly groups?: number;
}

/** What a transposed convolution does besides multiplying. */
export interface TransposedConvolutionOptions extends PrecisionOptions {
  /** Adds the operand `bias` [outChannels]; default false. */
  readonly bias?: boolean;
  /** The filters seldom change: what a form makes of them is made by the plan's `prepare` steps. Default false. */
  readonly constantFilter?: boolean;
  /** The kernel's family; the device's best form by default. */
  readonly family?: Family;
}

/** How a gradient of a transposed convolution is computed. */
export interface TransposedGradientOptions extends PrecisionOptions {
  /** Adds to what the output holds instead of overwriting it; of the input's gradient alone. */
  readonly accumulate?: boolean;
  /** The kernel's family; the device's best form by default. */
  readonly family?: Family;
}

/**
 * Transposed convolution, PyTorch's ConvTranspose2d: every input pixel adds its filters, times its value, to the output.
 *
 * Operands: input [N, H, W, C], filter [R, S, K / groups, C], output [N, P, Q, K], bias [K] with `bias`. With `precision`
 * float16 all but the bias are that, and there is status.
 *
 * @throws ShapeError for a shape that does not fit, UnsupportedError for a family that the device cannot run.
 */
export function planTransposedConvolution(
  shape: TransposedConvolutionShape,
  options: TransposedConvolutionOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'transposedConv2d';
  const { bias = false, constantFilter = false, precision = 'float32', family } = options;
  const { geometry, outputPadding } = checkTransposed(operation, shape, options);
  const { inHeight, inWidth, inChannels, outChannels } = shape;
  const words = constantFilter ? `${operation} constant` : operation;
  const own = shapeKey(words, { ...geometry, inHeight, inWidth, inChannels, outChannels });
  return planTurned(
    {
      operation,
      key: `${own} o${outputPadding.join('x')}`,
      geometry,
      flags: { ...plainFlags, BIAS: bias, CHECKED: precision === 'float16' },
      operands: {
        input: storedOperand(precision, 'input', outputPixels(geometry) * inChannels),
        filter: storedOperand(precision, 'input', filterCount(geometry)),
        output: storedOperand(precision, 'output', inputCount(geometry)),
        ...(bias && { bias: { bytes: tensorBytes(outChannels), use: 'input' as const } }),
        ...statusOperand(precision),
      },
      input: 'input',
      bindings: bias ? { bias: 'bias' } : {},
      constantFilter,
    },
    traits,
    family,
  );
}

/**
 * Gradient of a transposed convolution with respect to its input: the convolution of the output's gradient.
 *
 * Operands: gradient [N, P, Q, K], filter [R, S, K / groups, C], output [N, H, W, C] (overwritten, or added to with
 * `accumulate`). With `precision` float16 all are that, and there is status.
 *
 * @throws ShapeError for a shape that does not fit, UnsupportedError for a family that the device cannot run.
 */
export function planTransposedConvolutionInputGradient(
  shape: TransposedConvolutionShape,
  { accumulate = false, ...options }: TransposedGradientOptions,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'transposedConv2dInputGradient';
  const { geometry } = checkTransposed(operation, shape, options);
  const plan = planForward(operation, geometry, { ...options, residualInPlace: accumulate }, traits);
  return renamed(plan, { input: 'gradient' });
}

/**
 * Gradient of a transposed convolution with respect to its filters.
 *
 * Operands: input [N, H, W, C], gradient [N, P, Q, K] of the output, output [R, S, K / groups, C] (overwritten), and for the
 * split reduction the scratch slices. With `precision` float16 input and gradient are that; sums are float32.
 *
 * @throws ShapeError for a shape that does not fit, UnsupportedError for a family that the device cannot run.
 */
export function planTransposedConvolutionFilterGradient(
  shape: TransposedConvolutionShape,
  options: Omit<TransposedGradientOptions, 'accumulate'>,
  traits: DeviceTraits,
): OperationPlan {
  const operation = 'transposedConv2dFilterGradient';
  const { geometry } = checkTransposed(operation, shape, options);
  const plan = planFilterGradient(operation, geometry, options, traits);
  return renamed(plan, { input: 'gradient', gradient: 'input' });
}

/** The convolution whose input gradient a transposed one is, its input being this one's output. */
function checkTransposed(
  operation: string,
  shape: TransposedConvolutionShape,
  { precision = 'float32' }: PrecisionOptions,
): { readonly geometry: ConvolutionGeometry; readonly outputPadding: Pair } {
  const { batch, inHeight, inWidth, inChannels, outChannels, groups = 1 } = shape;
  const { kernel, stride = [1, 1], padding = [0, 0], outputPadding = [0, 0], dilation = [1, 1] } = shape;
  const counts = { batch, inHeight, inWidth, inChannels, outChannels, groups };
  const windows = { kernel, stride, padding, dilation };
  checkShape(operation, shape, counts, { ...windows, outputPadding });
  checkGroups(operation, counts);
  const place = { operation, prefix: '' };
  const [height, width] = transposedOutputs([inHeight, inWidth], { ...windows, outputPadding }, place);
  const exchanged = { inHeight: height, inWidth: width, inChannels: outChannels, outChannels: inChannels };
  const precisions = { precision, outputPrecision: precision };
  const geometry = geometryOf({ ...counts, ...windows, ...exchanged }, [inHeight, inWidth], precisions);
  return { geometry, outputPadding };
}

/** A plan some of whose operands have other names. */
function renamed(plan: OperationPlan, names: Readonly<Record<string, string>>): OperationPlan {
  const nameOf = (name: string): string => names[name] ?? name;
  const operands = Object.entries(plan.operands).map(([name, operand]) => [nameOf(name), operand]);
  return {
    ...plan,
    operands: Object.fromEntries(operands),
    steps: renameOperands(plan.steps, names),
    ...(plan.prepare && { prepare: renameOperands(plan.prepare, names) }),
  };
}
