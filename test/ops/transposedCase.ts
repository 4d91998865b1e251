import type { TransposedConvolutionShape } from '../../src/ops/convolution/transposed.js';
import {
  type TransposedOperands,
  transposedConvolutionBackwardReference,
  transposedConvolutionReference,
} from '../reference/transposedConvolution.js';
import { randomArray } from '../support/random.js';

type Floats = Float32Array<ArrayBuffer>;

export type CompleteTransposed = Required<TransposedConvolutionShape>;

/** A transposed convolution with its values. */
export interface TransposedCase {
  readonly shape: CompleteTransposed;
  readonly input: Floats;
  readonly filter: Floats;
  readonly bias: Floats;
  /** Of the output. */
  readonly gradient: Floats;
}

const base = {
  batch: 1,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  outputPadding: [0, 0],
  dilation: [1, 1],
  groups: 1,
} as const;

/** Sizes below, at and above what tiles cover, what strides leave open, groups, sides of their own. */
export const transposedShapes: Readonly<Record<string, CompleteTransposed>> = {
  'a decoder that doubles the image': {
    ...base,
    batch: 2,
    inHeight: 5,
    inWidth: 7,
    inChannels: 12,
    outChannels: 8,
    kernel: [4, 4],
    stride: [2, 2],
  },
  'rows and columns that the stride leaves open': {
    ...base,
    batch: 2,
    inHeight: 4,
    inWidth: 5,
    inChannels: 7,
    outChannels: 13,
    stride: [2, 3],
    outputPadding: [1, 2],
  },
  'windows side by side': {
    ...base,
    inHeight: 6,
    inWidth: 3,
    inChannels: 16,
    outChannels: 6,
    kernel: [2, 2],
    stride: [2, 2],
    padding: [0, 0],
  },
  'a stride longer than the filter': {
    ...base,
    inHeight: 3,
    inWidth: 4,
    inChannels: 5,
    outChannels: 4,
    kernel: [2, 1],
    stride: [3, 2],
    padding: [0, 0],
    outputPadding: [2, 1],
  },
  'whole tiles without a stride': { ...base, inHeight: 8, inWidth: 8, inChannels: 32, outChannels: 8 },
  pointwise: {
    ...base,
    batch: 2,
    inHeight: 5,
    inWidth: 6,
    inChannels: 24,
    outChannels: 20,
    kernel: [1, 1],
    padding: [0, 0],
  },
  'groups, four sides': {
    ...base,
    batch: 2,
    inHeight: 6,
    inWidth: 5,
    inChannels: 12,
    outChannels: 18,
    groups: 3,
    stride: [2, 1],
    padding: [0, 2, 1, 0],
  },
  'depthwise, stride 2': {
    ...base,
    batch: 2,
    inHeight: 5,
    inWidth: 4,
    inChannels: 6,
    outChannels: 6,
    groups: 6,
    stride: [2, 2],
    outputPadding: [1, 1],
  },
  'dilated beyond the stride, as much open': {
    ...base,
    inHeight: 4,
    inWidth: 5,
    inChannels: 6,
    outChannels: 8,
    kernel: [2, 3],
    stride: [1, 2],
    padding: [1, 0],
    dilation: [3, 3],
    outputPadding: [2, 2],
  },
  'pointwise, dilated for what is open': {
    ...base,
    inHeight: 4,
    inWidth: 5,
    inChannels: 12,
    outChannels: 20,
    kernel: [1, 1],
    padding: [0, 0],
    dilation: [2, 3],
    outputPadding: [1, 2],
  },
  'more cut off than a filter': {
    ...base,
    inHeight: 7,
    inWidth: 9,
    inChannels: 3,
    outChannels: 5,
    kernel: [2, 2],
    padding: [3, 0, 1, 4],
  },
};

/** What float64 makes of shapes, with random values in [-1, 1]. */
export function transposedCase(shape: CompleteTransposed, seed: number): TransposedCase {
  const { batch, inHeight, inWidth, inChannels, outChannels, kernel, groups } = shape;
  const input = randomArray(batch * inHeight * inWidth * inChannels, seed);
  const filter = randomArray(kernel[0] * kernel[1] * (outChannels / groups) * inChannels, seed + 1);
  const bias = randomArray(outChannels, seed + 2);
  const { y } = transposedConvolutionReference(transposedOperands({ shape, input, filter, bias }));
  return { shape, input, filter, bias, gradient: randomArray(y.length, seed + 3) };
}

export function transposedOperands(one: Omit<TransposedCase, 'gradient'>): TransposedOperands {
  const { batch, inHeight, inWidth, inChannels, outChannels, kernel, ...windows } = one.shape;
  const filterShape = [...kernel, outChannels / windows.groups, inChannels] as const;
  const shape = [batch, inHeight, inWidth, inChannels] as const;
  return { ...windows, shape, filterShape, x: one.input, filter: one.filter, bias: one.bias };
}

/** What float64 makes of a case, and of the absolute values of its terms. */
export function transposedExpected(one: TransposedCase) {
  const absolute = (values: Floats): Floats => values.map(Math.abs);
  const of = (given: TransposedCase) => {
    const operands = transposedOperands(given);
    return {
      ...transposedConvolutionReference(operands),
      ...transposedConvolutionBackwardReference({ ...operands, dy: given.gradient }),
    };
  };
  const { shape, input, filter, bias, gradient } = one;
  const magnitude = of({
    shape,
    input: absolute(input),
    filter: absolute(filter),
    bias: absolute(bias),
    gradient: absolute(gradient),
  });
  return { exact: of(one), magnitude };
}
