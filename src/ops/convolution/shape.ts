import { ShapeError } from '../../errors.js';
import type { Constants } from '../../wgsl/constants.js';
import { checkShape } from '../fields.js';
import { parameterBlock } from '../parameterBlock.js';
import { tensorBytes } from '../plan.js';
import { type Precision, storedBytes } from '../precision.js';
import { type Padding, type Pair, shortestPadding, windowOutputs } from '../windows.js';

/**
 * How the recalibration weight of an IC convolution enters (paper, equation of the IC unit):
 * - `none`: a plain convolution, y = z
 * - `output`: y = z + relu(z - a[k] S), S the sum of the input under the window, one weight a filter
 * - `input`: y = z + relu(z - S), S the sum of a[c] x[c] under the window, one weight an input channel
 */
export type Adjust = 'none' | 'output' | 'input';

/** What a convolution is asked for: activations NHWC, filters [height, width, inChannels / groups, outChannels]. */
export interface ConvolutionShape {
  /** Images. */
  readonly batch: number;
  /** Of the input, in pixels. */
  readonly inHeight: number;
  /** Of the input, in pixels. */
  readonly inWidth: number;
  /** Of the input. */
  readonly inChannels: number;
  /** Number of filters. */
  readonly outChannels: number;
  /** Height and width of the filters. */
  readonly kernel: Pair;
  /** Along height and width, from 1; [1, 1] where left out. */
  readonly stride?: Pair;
  /** Zeros around the images: height, width, or top, left, bottom, right; [0, 0] where left out. */
  readonly padding?: Padding;
  /** Distance of neighbouring taps along height and width, from 1; [1, 1] where left out. */
  readonly dilation?: Pair;
  /** Divides input and output channels, 1 where left out; as many as channels make a depthwise convolution. */
  readonly groups?: number;
}

/** As what the tensors of a convolution lie in memory. */
export interface ConvolutionPrecision {
  /** Of input and filters. */
  readonly precision: Precision;
  /** Of the output and what is added to it. */
  readonly outputPrecision: Precision;
}

const allFloat32: ConvolutionPrecision = { precision: 'float32', outputPrecision: 'float32' };

/** A convolution with nothing left to defaults. */
export type CompleteConvolution = Required<ConvolutionShape>;

/** A checked convolution with what follows from its shape. */
export interface ConvolutionGeometry extends Required<ConvolutionShape>, ConvolutionPrecision {
  /** Of the output, in pixels. */
  readonly outHeight: number;
  /** Of the output, in pixels. */
  readonly outWidth: number;
  /** Input channels of a group. */
  readonly groupIn: number;
  /** Filters of a group. */
  readonly groupOut: number;
  /** Of the input [batch, inHeight, inWidth, inChannels]. */
  readonly inputBytes: number;
  /** Of the output [batch, outHeight, outWidth, outChannels]. */
  readonly outputBytes: number;
  /** Of the filters [kernel height, kernel width, groupIn, outChannels]. */
  readonly filterBytes: number;
  /** Of the window sums [batch, outHeight, outWidth, groups], float32. */
  readonly windowSumBytes: number;
  /** Multiply-adds of the direct algorithm. */
  readonly multiplyAdds: number;
}

/**
 * Checks a convolution and works out its output.
 *
 * @throws ShapeError naming all fields that are missing or unknown, or the one that is no positive whole number or does not fit.
 */
export function checkConvolution(
  operation: string,
  shape: ConvolutionShape,
  precisions: ConvolutionPrecision = allFloat32,
): ConvolutionGeometry {
  const { batch, inHeight, inWidth, inChannels, outChannels, groups = 1 } = shape;
  const { kernel, stride = [1, 1], padding = [0, 0], dilation = [1, 1] } = shape;
  const counts = { batch, inHeight, inWidth, inChannels, outChannels, groups };
  const windows = { kernel, stride, padding, dilation };
  checkShape(operation, shape, counts, windows);
  checkGroups(operation, counts);
  const outputs = windowOutputs([inHeight, inWidth], windows, { operation, prefix: '' });
  return geometryOf({ ...counts, ...windows }, outputs, precisions);
}

/** Refuses groups that do not divide both channel counts. */
export function checkGroups(
  operation: string,
  counts: Readonly<Record<'inChannels' | 'outChannels' | 'groups', number>>,
): void {
  for (const parameter of ['inChannels', 'outChannels'] as const) {
    if (counts[parameter] % counts.groups === 0) continue;
    const expected = `a multiple of ${counts.groups} groups`;
    throw new ShapeError({ operation, parameter, expected, got: `${counts[parameter]}` });
  }
}

/** What follows from the sizes of a convolution's input and output, which fit each other. */
export function geometryOf(
  shape: CompleteConvolution,
  [outHeight, outWidth]: Pair,
  { precision, outputPrecision }: ConvolutionPrecision,
): ConvolutionGeometry {
  const { batch, inHeight, inWidth, inChannels, outChannels, groups, kernel } = shape;
  const groupIn = inChannels / groups;
  return {
    ...shape,
    padding: shortestPadding(shape.padding),
    precision,
    outputPrecision,
    outHeight,
    outWidth,
    groupIn,
    groupOut: outChannels / groups,
    inputBytes: storedBytes(precision, batch, inHeight, inWidth, inChannels),
    outputBytes: storedBytes(outputPrecision, batch, outHeight, outWidth, outChannels),
    filterBytes: storedBytes(precision, ...kernel, groupIn, outChannels),
    windowSumBytes: tensorBytes(batch, outHeight, outWidth, groups),
    multiplyAdds: batch * outHeight * outWidth * outChannels * groupIn * kernel[0] * kernel[1],
  };
}

/** Elements of the input. */
export function inputCount({ batch, inHeight, inWidth, inChannels }: ConvolutionGeometry): number {
  return batch * inHeight * inWidth * inChannels;
}

/** Elements of the filters. */
export function filterCount({ kernel, groupIn, outChannels }: ConvolutionGeometry): number {
  return kernel[0] * kernel[1] * groupIn * outChannels;
}

/** Pixels of the output. */
export function outputPixels({ batch, outHeight, outWidth }: ConvolutionGeometry): number {
  return batch * outHeight * outWidth;
}

/** The constants that every convolution kernel takes; of the padding they need that ahead of each axis alone. */
export function geometryConstants(geometry: ConvolutionGeometry): Constants {
  return {
    BATCH: geometry.batch,
    IN_HEIGHT: geometry.inHeight,
    IN_WIDTH: geometry.inWidth,
    OUT_HEIGHT: geometry.outHeight,
    OUT_WIDTH: geometry.outWidth,
    GROUPS: geometry.groups,
    GROUP_IN: geometry.groupIn,
    GROUP_OUT: geometry.groupOut,
    FILTER_HEIGHT: geometry.kernel[0],
    FILTER_WIDTH: geometry.kernel[1],
    STRIDE_HEIGHT: geometry.stride[0],
    STRIDE_WIDTH: geometry.stride[1],
    PADDING_HEIGHT: { i32: geometry.padding[0] },
    PADDING_WIDTH: { i32: geometry.padding[1] },
    DILATION_HEIGHT: geometry.dilation[0],
    DILATION_WIDTH: geometry.dilation[1],
  };
}

/** Whether every output pixel reads just the input pixel at its place, so that all pixels form one long row. */
export function isPointwise(geometry: ConvolutionGeometry): boolean {
  const { kernel, stride, padding, inHeight, inWidth, outHeight, outWidth } = geometry;
  if (inHeight !== outHeight || inWidth !== outWidth) return false;
  return [...kernel, ...stride].every((size) => size === 1) && padding.every((size) => size === 0);
}

/** The same pointwise convolution with all pixels of the batch in one row. */
export function asOneRow(geometry: ConvolutionGeometry): ConvolutionGeometry {
  const pixels = geometry.batch * geometry.inHeight * geometry.inWidth;
  return { ...geometry, batch: 1, inHeight: 1, outHeight: 1, inWidth: pixels, outWidth: pixels };
}

/** The IC unit behind a convolution. */
export interface UnitOptions {
  /** Default `none`. */
  readonly adjust?: Adjust;
  /**
   * Also adds an offset o[k] inside of the unit's second term: y = z + relu(z - a[k] S + o[k]), or z + relu(z - S + o[k]). Default
   * false. The operand `adjust` then holds the offsets [K] behind the weights, from the next multiple of 64 elements on.
   */
  readonly offset?: boolean;
}

/** The kernels' number for a recalibration form. */
export function adjustConstant(adjust: Adjust): number {
  return { none: 0, output: 1, input: 2 }[adjust];
}

/** Where the offsets begin in the operand `adjust`, and the bytes of that. */
export function unitOperand(
  operation: string,
  { inChannels, outChannels }: ConvolutionGeometry,
  { adjust = 'none', offset = false }: UnitOptions,
): { readonly offsets: number; readonly bytes: number } {
  if (offset && adjust === 'none') {
    throw new ShapeError({ operation, parameter: 'offset', expected: 'adjust output or input', got: adjust });
  }
  const weights = adjust === 'input' ? inChannels : outChannels;
  if (!offset) return { offsets: 0, bytes: tensorBytes(weights) };
  const offsets = parameterBlock * Math.ceil(weights / parameterBlock);
  return { offsets, bytes: tensorBytes(offsets + outChannels) };
}
