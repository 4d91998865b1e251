import type { Adjust, Padding, Pair } from '../../src/graph/network.js';
import { forEachTap, type ImageShape, outputSize, type WindowGeometry } from './window.js';

/** A convolution or IC convolution with its operands: x NHWC, filter HWIO. */
export interface ConvolutionOperands {
  readonly x: ArrayLike<number>;
  readonly shape: ImageShape;
  readonly filter: ArrayLike<number>;
  readonly filterShape: readonly [height: number, width: number, inChannelsOfGroup: number, outChannels: number];
  /** One value an output channel. */
  readonly bias?: ArrayLike<number> | undefined;
  /** One value an output channel ('output') or input channel ('input'). */
  readonly adjust?: ArrayLike<number> | undefined;
  /** One value an output channel, inside of the unit's relu. */
  readonly offset?: ArrayLike<number> | undefined;
  readonly mode: Adjust;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
  readonly groups: number;
}

/** The same with the gradient of the output, [N,P,Q,K]. */
export interface ConvolutionBackwardOperands extends ConvolutionOperands {
  readonly dy: ArrayLike<number>;
  /** Positive where the relu of the IC unit passes, [N,P,Q,K]; without it where `excess` is. */
  readonly branches?: ArrayLike<number> | undefined;
}

export interface ConvolutionResult {
  /** [N,P,Q,K]. */
  readonly y: Float64Array;
  /** The convolution with its bias, [N,P,Q,K]. */
  readonly z: Float64Array;
  /** Sum of x, or of a[c] x[c] in mode 'input', under each window, [N,P,Q,G]. */
  readonly windowSum: Float64Array;
  /** What the relu of the IC unit sees, [N,P,Q,K]; all zero in mode 'none'. Gradients jump where it is zero. */
  readonly excess: Float64Array;
  readonly outShape: ImageShape;
}

export interface ConvolutionGradients {
  readonly dx: Float64Array;
  /** HWIO. */
  readonly dFilter: Float64Array;
  readonly dBias: Float64Array;
  /** As long as `adjust`; empty in mode 'none'. */
  readonly dAdjust: Float64Array;
  /** Of an offset, whether there is one or not. */
  readonly dOffset: Float64Array;
  readonly dz: Float64Array;
  readonly dWindowSum: Float64Array;
}

/**
 * 'none': y = z; 'output': y = z + relu(z - a[k] S + o[k]); 'input': y = z + relu(z - S + o[k]), with S of a[c] x[c].
 */
export function convolutionReference(operands: ConvolutionOperands): ConvolutionResult {
  const { mode, adjust, offset } = operands;
  const outChannels = operands.filterShape[3];
  const [outHeight, outWidth] = outputSize(geometryOf(operands));
  const { z, windowSum } = linearPart(operands);
  const excess = z.map((value, i) => {
    if (mode === 'none') return 0;
    const sum = windowSum[windowSumIndex(operands, i)]!;
    const k = i % outChannels;
    return value - (mode === 'output' ? adjust![k]! * sum : sum) + (offset?.[k] ?? 0);
  });
  const y = z.map((value, i) => (excess[i]! > 0 ? value + excess[i]! : value));
  return { y, z, windowSum, excess, outShape: [operands.shape[0], outHeight, outWidth, outChannels] };
}

/**
 * With m = 1 where the relu fires: dz = dy (1 + m); 'output': da[k] = -sum of m dy S, dS = -sum over k of a[k] m dy;
 * 'input': dS = -sum over k of m dy, da[c] = sum of dS x[c]. do[k] = sum of m dy. The rest follows from dz and dS.
 */
export function convolutionBackwardReference(operands: ConvolutionBackwardOperands): ConvolutionGradients {
  const { windowSum, excess } = convolutionReference(operands);
  const fires = Float64Array.from(operands.branches ?? excess, (value) => (value > 0 ? 1 : 0));
  const unit = unitGradients(operands, windowSum, fires);
  const { dAdjust, ...rest } = linearPartGradients(operands, unit.dz, unit.dWindowSum);
  return { ...rest, ...unit, dAdjust: operands.mode === 'output' ? unit.dAdjust : dAdjust };
}

/**
 * For every output element the sum of the absolute values of the terms it is made of, the scale of its rounding error:
 * twice the terms of z and once those of a S and o for `y` (of an IC convolution), those of z and S for themselves.
 */
export function convolutionMagnitude(operands: ConvolutionOperands): Record<'y' | 'z' | 'windowSum', Float64Array> {
  const { adjust, offset, mode, filterShape } = operands;
  const { z, windowSum } = linearPart(absolute(operands));
  const y = z.map((value, i) => {
    if (mode === 'none') return value;
    const sum = windowSum[windowSumIndex(operands, i)]!;
    const k = i % filterShape[3];
    return 2 * value + (mode === 'output' ? Math.abs(adjust![k]!) * sum : sum) + Math.abs(offset?.[k] ?? 0);
  });
  return { y, z, windowSum };
}

/** The like for the gradients: the backward pass with every term's absolute value in the term's place. */
export function convolutionBackwardMagnitude(operands: ConvolutionBackwardOperands): ConvolutionGradients {
  const fires = convolutionReference(operands).excess.map((value) => (value > 0 ? 1 : 0));
  const positive = { ...absolute(operands), dy: new Float64Array(operands.dy).map(Math.abs) };
  const unit = unitGradients(positive, linearPart(positive).windowSum, fires);
  const dWindowSum = unit.dWindowSum.map(Math.abs);
  const { dAdjust, ...rest } = linearPartGradients(positive, unit.dz, dWindowSum);
  return {
    ...rest,
    dz: unit.dz,
    dOffset: unit.dOffset,
    dWindowSum,
    dAdjust: operands.mode === 'output' ? unit.dAdjust.map(Math.abs) : dAdjust,
  };
}

function geometryOf({ shape, filterShape, stride, padding, dilation }: ConvolutionOperands): WindowGeometry {
  return { shape, kernel: [filterShape[0], filterShape[1]], stride, padding, dilation };
}

function absolute(operands: ConvolutionOperands): ConvolutionOperands {
  const of = (values: ArrayLike<number>) => new Float64Array(values).map(Math.abs);
  const { x, filter, bias, adjust } = operands;
  return { ...operands, x: of(x), filter: of(filter), bias: bias && of(bias), adjust: adjust && of(adjust) };
}

/** Where the window sum of an output element stands: one an output pixel and group. */
function windowSumIndex({ filterShape, groups }: ConvolutionOperands, outputIndex: number): number {
  const outChannels = filterShape[3];
  const group = Math.floor(((outputIndex % outChannels) * groups) / outChannels);
  return Math.floor(outputIndex / outChannels) * groups + group;
}

/** z and the window sum. */
function linearPart(operands: ConvolutionOperands): { z: Float64Array; windowSum: Float64Array } {
  const { filterShape, bias, adjust, mode, groups, shape } = operands;
  const geometry = geometryOf(operands);
  const [x, filter] = [new Float64Array(operands.x), new Float64Array(operands.filter)];
  const [channels, groupChannels, outChannels] = [shape[3], filterShape[2], filterShape[3]];
  const groupOutChannels = outChannels / groups;
  const [outHeight, outWidth] = outputSize(geometry);
  const outPixels = shape[0] * outHeight * outWidth;
  const z = new Float64Array(outPixels * outChannels);
  if (bias) for (let i = 0; i < z.length; i++) z[i] = bias[i % outChannels]!;
  const windowSum = new Float64Array(outPixels * groups);
  forEachTap(geometry, (tap, inputPixel, outputPixel) => {
    for (let group = 0; group < groups; group++) {
      const outputRow = outputPixel * outChannels + group * groupOutChannels;
      for (let i = 0; i < groupChannels; i++) {
        const c = group * groupChannels + i;
        const value = x[inputPixel * channels + c]!;
        windowSum[outputPixel * groups + group]! += mode === 'input' ? adjust![c]! * value : value;
        const filterRow = (tap * groupChannels + i) * outChannels + group * groupOutChannels;
        for (let k = 0; k < groupOutChannels; k++) z[outputRow + k]! += value * filter[filterRow + k]!;
      }
    }
  });
  return { z, windowSum };
}

/** From dy to the gradients of z and the window sum, and in mode 'output' of the adjusting weights. */
function unitGradients(
  operands: ConvolutionBackwardOperands,
  windowSum: Float64Array,
  fires: Float64Array,
): Pick<ConvolutionGradients, 'dz' | 'dWindowSum' | 'dAdjust' | 'dOffset'> {
  const { dy, adjust, mode } = operands;
  const outChannels = operands.filterShape[3];
  const dz = new Float64Array(fires.length);
  const dWindowSum = new Float64Array(windowSum.length);
  const dAdjust = new Float64Array(mode === 'output' ? outChannels : 0);
  const dOffset = new Float64Array(mode === 'none' ? 0 : outChannels);
  for (let i = 0; i < fires.length; i++) {
    const k = i % outChannels;
    const sumIndex = windowSumIndex(operands, i);
    const dExcess = fires[i]! * dy[i]!;
    dz[i] = dy[i]! + dExcess;
    if (mode !== 'none') dOffset[k]! += dExcess;
    if (mode === 'output') {
      dWindowSum[sumIndex]! -= adjust![k]! * dExcess;
      dAdjust[k]! -= dExcess * windowSum[sumIndex]!;
    } else if (mode === 'input') {
      dWindowSum[sumIndex]! -= dExcess;
    }
  }
  return { dz, dWindowSum, dAdjust, dOffset };
}

/** From dz and the gradient of the window sum to those of the operands; dAdjust in mode 'input' alone. */
function linearPartGradients(
  operands: ConvolutionOperands,
  dz: Float64Array,
  dWindowSum: Float64Array,
): { dx: Float64Array; dFilter: Float64Array; dBias: Float64Array; dAdjust: Float64Array } {
  const { filterShape, adjust, mode, groups, shape } = operands;
  const [x, filter] = [new Float64Array(operands.x), new Float64Array(operands.filter)];
  const [channels, groupChannels, outChannels] = [shape[3], filterShape[2], filterShape[3]];
  const groupOutChannels = outChannels / groups;
  const dx = new Float64Array(x.length);
  const dFilter = new Float64Array(filter.length);
  const dBias = new Float64Array(outChannels);
  const dAdjust = new Float64Array(mode === 'input' ? channels : 0);
  dz.forEach((value, i) => {
    dBias[i % outChannels]! += value;
  });
  forEachTap(geometryOf(operands), (tap, inputPixel, outputPixel) => {
    for (let group = 0; group < groups; group++) {
      const outputRow = outputPixel * outChannels + group * groupOutChannels;
      const dSum = dWindowSum[outputPixel * groups + group]!;
      for (let i = 0; i < groupChannels; i++) {
        const c = group * groupChannels + i;
        const value = x[inputPixel * channels + c]!;
        if (mode === 'input') dAdjust[c]! += dSum * value;
        let dValue = mode === 'input' ? dSum * adjust![c]! : dSum;
        const filterRow = (tap * groupChannels + i) * outChannels + group * groupOutChannels;
        for (let k = 0; k < groupOutChannels; k++) {
          const gradient = dz[outputRow + k]!;
          dValue += gradient * filter[filterRow + k]!;
          dFilter[filterRow + k]! += gradient * value;
        }
        dx[inputPixel * channels + c]! += dValue;
      }
    }
  });
  return { dx, dFilter, dBias, dAdjust };
}
