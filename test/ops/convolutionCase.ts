import type { Adjust } from '../../src/graph/network.js';
import { planChannelSums } from '../../src/ops/channelSums.js';
import { planConvolutionFilterGradient } from '../../src/ops/convolution/filterGradient.js';
import { planConvolution } from '../../src/ops/convolution/forward.js';
import { planIcUnitGradient } from '../../src/ops/convolution/icUnitGradient.js';
import { planConvolutionInputGradient } from '../../src/ops/convolution/inputGradient.js';
import { type CompleteConvolution, checkConvolution } from '../../src/ops/convolution/shape.js';
import type { Family } from '../../src/ops/forms.js';

import {
  type ConvolutionBackwardOperands,
  type ConvolutionOperands,
  convolutionBackwardMagnitude,
  convolutionBackwardReference,
  convolutionMagnitude,
  convolutionReference,
} from '../reference/convolution.js';
import { directTraits } from '../support/directTraits.js';
import { randomArray } from '../support/random.js';
import { runPlan } from '../support/runPlan.js';
import { EPSILON, expectClose, summationBound } from '../support/tolerance.js';

type Floats = Float32Array<ArrayBuffer>;

/** A convolution or IC convolution with its values: NHWC, HWIO. */
export interface ConvolutionCase {
  readonly shape: CompleteConvolution;
  readonly mode: Adjust;
  readonly input: Floats;
  readonly filter: Floats;
  readonly bias?: Floats | undefined;
  /** Unless the mode is `none`. */
  readonly adjust?: Floats | undefined;
  /** Inside of the unit's second term. */
  readonly offset?: Floats | undefined;
  /** Of the output. */
  readonly gradient: Floats;
}

/** Values of a forward and a backward pass; `db` with a bias, `da` unless the mode is `none`, `do` with an offset. */
export interface ConvolutionValues<T> {
  readonly y: T;
  readonly dx: T;
  readonly dw: T;
  readonly db?: T | undefined;
  readonly da?: T | undefined;
  readonly do?: T | undefined;
}

export type ValueName = keyof ConvolutionValues<unknown>;

export const valueNames: readonly ValueName[] = ['y', 'dx', 'dw', 'db', 'da', 'do'];

/** Values in [-1, 1] for a shape; adjusting weights small enough for the unit to fire and not to fire. */
export function randomCase(
  shape: CompleteConvolution,
  mode: Adjust,
  bias: boolean,
  seed: number,
  offset = false,
): ConvolutionCase {
  const { inputBytes, filterBytes, outputBytes } = checkConvolution('case', shape);
  const adjustCount = mode === 'input' ? shape.inChannels : shape.outChannels;
  return {
    shape,
    mode,
    input: randomArray(inputBytes / 4, seed),
    filter: randomArray(filterBytes / 4, seed + 1),
    bias: bias ? randomArray(shape.outChannels, seed + 2) : undefined,
    adjust: mode === 'none' ? undefined : randomArray(adjustCount, seed + 3),
    offset: offset ? randomArray(shape.outChannels, seed + 5) : undefined,
    gradient: randomArray(outputBytes / 4, seed + 4),
  };
}

/** The operand `adjust`: weights, and from the next multiple of 64 elements on the offsets; between them what must not be read. */
export function adjustOperand({ adjust, offset }: ConvolutionCase): { readonly adjust?: Floats } {
  if (!adjust) return {};
  if (!offset) return { adjust };
  const offsets = Math.ceil(adjust.length / 64) * 64;
  const both = new Float32Array(offsets + offset.length).fill(Number.NaN);
  both.set(adjust);
  both.set(offset, offsets);
  return { adjust: both };
}

export function referenceOperands(one: ConvolutionCase): ConvolutionBackwardOperands {
  const { shape } = one;
  return {
    x: one.input,
    shape: [shape.batch, shape.inHeight, shape.inWidth, shape.inChannels],
    filter: one.filter,
    filterShape: [...shape.kernel, shape.inChannels / shape.groups, shape.outChannels],
    bias: one.bias,
    adjust: one.adjust,
    offset: one.offset,
    mode: one.mode,
    stride: shape.stride,
    padding: shape.padding,
    dilation: shape.dilation,
    groups: shape.groups,
    dy: one.gradient,
  };
}

/** The bound of y: the window's terms, the bias, and the five operations of the IC unit. */
export function outputBound(operands: ConvolutionOperands): Float64Array {
  const [height, width, groupIn] = operands.filterShape;
  return summationBound(height * width * groupIn + 6, convolutionMagnitude(operands).y);
}

/** The case with zeros in the gradient where rounding decides whether the IC unit fires: there its gradient jumps. */
export function awayFromKink(one: ConvolutionCase): { readonly smooth: ConvolutionCase; readonly zeroed: number } {
  if (one.mode === 'none') return { smooth: one, zeroed: 0 };
  const operands = referenceOperands(one);
  const { excess } = convolutionReference(operands);
  const near = outputBound(operands).map((bound, i) => Number(Math.abs(excess[i]!) <= bound));
  const gradient = one.gradient.map((value, i) => (near[i] ? 0 : value));
  return { smooth: { ...one, gradient }, zeroed: near.reduce((sum, is) => sum + is, 0) };
}

/** What float64 says. */
export function expectedValues(one: ConvolutionCase): ConvolutionValues<ArrayLike<number>> {
  const operands = referenceOperands(one);
  const { dx, dFilter, dBias, dAdjust, dOffset } = convolutionBackwardReference(operands);
  return { y: convolutionReference(operands).y, dx, dw: dFilter, db: dBias, da: dAdjust, do: dOffset };
}

/** The rounding error allowed: how many terms go into an element, times epsilon, times their magnitude. */
function valueBounds(one: ConvolutionCase): Required<ConvolutionValues<Float64Array>> {
  const operands = referenceOperands(one);
  const magnitude = convolutionBackwardMagnitude(operands);
  const geometry = checkConvolution('bounds', one.shape);
  const { batch, inHeight, inWidth, outHeight, outWidth, groupIn, groupOut, kernel } = geometry;
  const taps = kernel[0] * kernel[1];
  const outPixels = batch * outHeight * outWidth;
  // What comes through a window sum is summed over the group's filters, then over the windows that contain a pixel.
  const throughSums = one.mode === 'none' ? 0 : groupOut + taps + 3;
  const adjustTerms =
    one.mode === 'output' ? outPixels + taps * groupIn + 3 : batch * inHeight * inWidth + throughSums + 1;
  return {
    y: outputBound(operands),
    dx: summationBound(taps * groupOut + throughSums + 1, magnitude.dx),
    dw: summationBound(outPixels + 1, magnitude.dFilter),
    db: summationBound(outPixels + 1, magnitude.dBias),
    da: summationBound(adjustTerms, magnitude.dAdjust),
    do: summationBound(outPixels + 1, magnitude.dOffset),
  };
}

/** The whole way on the device, each part fed with what the one before gave. */
export async function deviceValues(
  device: GPUDevice,
  one: ConvolutionCase,
  family?: Family,
): Promise<ConvolutionValues<Floats>> {
  const { shape, mode, input, filter, bias, adjust, gradient } = one;
  const offset = one.offset !== undefined;
  const { batch, outHeight, outWidth } = checkConvolution('case', shape);
  const traits = directTraits(device);
  const chosen = family ? { family } : {};

  const forward = planConvolution(
    shape,
    { adjust: mode, offset, bias: bias !== undefined, storeSums: mode !== 'none', ...chosen },
    traits,
  );
  const ahead = await runPlan(device, forward, {
    input,
    filter,
    ...(bias && { bias }),
    ...adjustOperand(one),
  });
  const y = ahead.floats('output');
  const unit =
    mode === 'none'
      ? undefined
      : await runPlan(device, planIcUnitGradient(shape, mode, { offset }), {
          gradient,
          output: y,
          windowSums: ahead.floats('windowSums'),
          ...((mode === 'output' || offset) && adjustOperand(one)),
        });
  if (mode !== 'none') {
    const inPlace = await runPlan(device, planIcUnitGradient(shape, mode, { inPlace: true, offset }), {
      zGradient: gradient,
      output: y,
      windowSums: ahead.floats('windowSums'),
      ...((mode === 'output' || offset) && adjustOperand(one)),
    });
    const totals = [...(mode === 'output' ? ['adjustGradient'] : []), ...(offset ? ['offsetGradient'] : [])];
    for (const name of ['zGradient', 'inputSums', ...totals]) {
      const [here, apart] = [inPlace.integers(name), unit!.integers(name)];
      if (here.some((bits, i) => bits !== apart[i])) throw new Error(`${name} in place has other bits`);
    }
  }
  const zGradient = unit?.floats('zGradient') ?? gradient;
  const inputSums = unit?.floats('inputSums');

  const toInput = planConvolutionInputGradient(
    shape,
    { ...(mode !== 'none' && { windowSums: mode }), ...chosen },
    traits,
  );
  const dx = await runPlan(device, toInput, {
    gradient: zGradient,
    filter,
    ...(inputSums && { windowSums: inputSums }),
    ...(mode === 'input' && { adjust: adjust! }),
  });
  const toFilter = planConvolutionFilterGradient(shape, chosen, traits);
  const dw = await runPlan(device, toFilter, { input, gradient: zGradient });
  const toBias = planChannelSums(batch * outHeight * outWidth, shape.outChannels);
  const db = bias && (await runPlan(device, toBias, { values: zGradient }));
  const inPixels = batch * shape.inHeight * shape.inWidth;
  const toAdjust = planChannelSums(inPixels, shape.inChannels, { factors: true, groups: shape.groups });
  const da = mode === 'input' ? await runPlan(device, toAdjust, { values: input, factors: inputSums! }) : undefined;
  return {
    y,
    dx: dx.floats('output'),
    dw: dw.floats('output'),
    db: db?.floats('output'),
    da: mode === 'output' ? unit?.floats('adjustGradient') : da?.floats('output'),
    do: offset ? unit!.floats('offsetGradient') : undefined,
  };
}

/**
 * Holds a forward and backward pass on the device to the expected values, which may be rounded to float32 themselves.
 *
 * @returns for every value its worst error as a share of its bound
 */
export async function expectConvolution(
  device: GPUDevice,
  one: ConvolutionCase,
  what: string,
  options: {
    readonly family?: Family | undefined;
    readonly expected?: ConvolutionValues<ArrayLike<number>>;
  },
): Promise<Map<ValueName, number>> {
  const actual = await deviceValues(device, one, options.family);
  const expected = options.expected ?? expectedValues(one);
  const bounds = valueBounds(one);
  const shares = new Map<ValueName, number>();
  for (const name of valueNames) {
    const values = actual[name];
    if (!values) continue;
    const bound = bounds[name]!.map((value, i) => value + EPSILON * Math.abs(expected[name]![i]!));
    shares.set(name, expectClose(values, expected[name]!, bound, `${what} ${name}`));
  }
  return shares;
}
