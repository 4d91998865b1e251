import type { Adjust } from '../../src/graph/network.js';
import { planChannelSums } from '../../src/ops/channelSums.js';
import { type ConvolutionShape, checkConvolution } from '../../src/ops/convolution.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolutionFilterGradient.js';
import { type ConvolutionFamily, planConvolution } from '../../src/ops/convolutionForward.js';
import { planConvolutionInputGradient } from '../../src/ops/convolutionInputGradient.js';
import { planIcUnitGradient } from '../../src/ops/icUnitGradient.js';
import { compilePlan } from '../../src/ops/plan.js';
import { deviceTraits } from '../../src/ops/traits.js';
import {
  type ConvolutionBackwardOperands,
  type ConvolutionOperands,
  convolutionBackwardMagnitude,
  convolutionBackwardReference,
  convolutionMagnitude,
  convolutionReference,
} from '../reference/convolution.js';
import { runPlan, type Values } from '../support/runPlan.js';
import { EPSILON, expectClose, summationBound } from '../support/tolerance.js';

type Floats = Float32Array<ArrayBuffer>;

/** A convolution or IC convolution with its values: NHWC, HWIO. */
export interface ConvolutionCase {
  readonly shape: ConvolutionShape;
  readonly mode: Adjust;
  readonly input: Floats;
  readonly filter: Floats;
  readonly bias?: Floats | undefined;
  /** Unless the mode is `none`. */
  readonly adjust?: Floats | undefined;
  /** Of the output. */
  readonly gradient: Floats;
}

/** Values of a forward and a backward pass; the last two with a bias and unless the mode is `none`. */
export interface ConvolutionValues<T> {
  readonly y: T;
  readonly dx: T;
  readonly dw: T;
  readonly db?: T | undefined;
  readonly da?: T | undefined;
}

export const convolutionValueNames = ['y', 'dx', 'dw', 'db', 'da'] as const;

export function referenceOperands(one: ConvolutionCase): ConvolutionBackwardOperands {
  const { shape } = one;
  return {
    x: one.input,
    shape: [shape.batch, shape.inHeight, shape.inWidth, shape.inChannels],
    filter: one.filter,
    filterShape: [...shape.kernel, shape.inChannels / shape.groups, shape.outChannels],
    bias: one.bias,
    adjust: one.adjust,
    mode: one.mode,
    stride: shape.stride,
    padding: shape.padding,
    dilation: shape.dilation,
    groups: shape.groups,
    dy: one.gradient,
  };
}

/** The bound of y: the window's terms, bias, and the four operations of the IC unit. */
export function outputBound(operands: ConvolutionOperands): Float64Array {
  const [height, width, groupIn] = operands.filterShape;
  return summationBound(height * width * groupIn + 5, convolutionMagnitude(operands).y);
}

/** The gradient with zeros where rounding decides whether the IC unit fires: there its own gradient jumps. */
export function awayFromKink(one: ConvolutionCase): { gradient: Floats; zeroed: number } {
  const operands = referenceOperands(one);
  const { excess } = convolutionReference(operands);
  const bound = outputBound(operands);
  const near = (i: number) => one.mode !== 'none' && Math.abs(excess[i]!) <= bound[i]!;
  const gradient = one.gradient.map((value, i) => (near(i) ? 0 : value));
  return { gradient, zeroed: gradient.filter((_, i) => near(i)).length };
}

/** What float64 says. */
export function expectedValues(one: ConvolutionCase): ConvolutionValues<Float64Array> {
  const operands = referenceOperands(one);
  const { dx, dFilter, dBias, dAdjust } = convolutionBackwardReference(operands);
  return { y: convolutionReference(operands).y, dx, dw: dFilter, db: dBias, da: dAdjust };
}

/** Rounding error allowed: the number of terms that go into an element, times epsilon, times their magnitude. */
export function valueBounds(one: ConvolutionCase): ConvolutionValues<Float64Array> {
  const operands = referenceOperands(one);
  const magnitude = convolutionBackwardMagnitude(operands);
  const { batch, inHeight, inWidth, outHeight, outWidth, groupIn, groupOut, kernel } = checkConvolution(
    'bounds',
    one.shape,
  );
  const taps = kernel[0] * kernel[1];
  const outPixels = batch * outHeight * outWidth;
  // The gradient through a window sum is a sum over the group's filters, then over the windows that contain a pixel.
  const throughSums = one.mode === 'none' ? 0 : groupOut + taps + 3;
  const adjustTerms =
    one.mode === 'output' ? outPixels + taps * groupIn + 3 : batch * inHeight * inWidth + throughSums + 1;
  return {
    y: outputBound(operands),
    dx: summationBound(taps * groupOut + throughSums + 1, magnitude.dx),
    dw: summationBound(outPixels + 1, magnitude.dFilter),
    db: summationBound(outPixels + 1, magnitude.dBias),
    da: summationBound(adjustTerms, magnitude.dAdjust),
  };
}

/** The whole way on the device: forward, IC unit gradient, then the gradients of input, filter, bias and adjust. */
export async function deviceValues(
  device: GPUDevice,
  one: ConvolutionCase,
  family?: ConvolutionFamily,
): Promise<ConvolutionValues<Floats>> {
  const { shape, mode, input, filter, bias, adjust, gradient } = one;
  const traits = deviceTraits(device);
  const chosen = family && { family };
  const weights: Record<string, Values> = adjust ? { adjust } : {};
  const geometry = checkConvolution('case', shape);
  const isIC = mode !== 'none';

  const forward = planConvolution(
    shape,
    { adjust: mode, bias: bias !== undefined, storeSums: isIC, ...chosen },
    traits,
  );
  const unit = isIC ? planIcUnitGradient(shape, mode) : undefined;
  const toInput = planConvolutionInputGradient(shape, { ...(isIC && { windowSums: mode }), ...chosen }, traits);
  const toFilter = planConvolutionFilterGradient(shape, chosen ?? {}, traits);
  const toBias = planChannelSums(geometry.batch * geometry.outHeight * geometry.outWidth, shape.outChannels);
  const toAdjust = planChannelSums(shape.batch * shape.inHeight * shape.inWidth, shape.inChannels, {
    factors: true,
    groups: shape.groups,
  });
  const plans = [forward, ...(unit ? [unit] : []), toInput, toFilter, ...(bias ? [toBias] : [])];
  await Promise.all([...plans, ...(mode === 'input' ? [toAdjust] : [])].map((plan) => compilePlan(device, plan)));

  const { output, windowSums } = await runPlan(device, forward, { input, filter, ...(bias && { bias }), ...weights });
  const y = output!.floats;
  const passed = unit
    ? await runPlan(device, unit, {
        gradient,
        output: y,
        windowSums: windowSums!.floats,
        ...(mode === 'output' && weights),
      })
    : undefined;
  const dz = passed?.zGradient!.floats ?? gradient;
  const sums = passed?.inputSums!.floats;
  const [dx, dw, db, da] = await Promise.all([
    runPlan(device, toInput, {
      gradient: dz,
      filter,
      ...(sums && { windowSums: sums }),
      ...(mode === 'input' && weights),
    }),
    runPlan(device, toFilter, { input, gradient: dz }),
    bias && runPlan(device, toBias, { values: dz }),
    mode === 'input' ? runPlan(device, toAdjust, { values: input, factors: sums! }) : undefined,
  ]);
  return {
    y,
    dx: dx.output!.floats,
    dw: dw.output!.floats,
    db: db?.output!.floats,
    da: passed?.adjustGradient?.floats ?? da?.output!.floats,
  };
}

/**
 * Holds a forward and backward pass on the device to the expected values.
 *
 * @param rounding share of the expected value that it is itself off by
 * @returns for every value its worst error as a share of its bound
 */
export async function expectConvolution(
  device: GPUDevice,
  one: ConvolutionCase,
  what: string,
  options: { family?: ConvolutionFamily | undefined; expected?: ConvolutionValues<ArrayLike<number>> } = {},
): Promise<Partial<Record<keyof ConvolutionValues<unknown>, number>>> {
  const actual = await deviceValues(device, one, options.family);
  const expected = options.expected ?? expectedValues(one);
  const bounds = valueBounds(one);
  const shares: Partial<Record<keyof ConvolutionValues<unknown>, number>> = {};
  for (const name of convolutionValueNames) {
    const values = actual[name];
    if (!values) continue;
    // The expected values may come out of a float32 file.
    const bound = bounds[name]!.map((value, i) => value + EPSILON * Math.abs(expected[name]![i]!));
    shares[name] = expectClose(values, expected[name]!, bound, `${what} ${name}`);
  }
  return shares;
}
