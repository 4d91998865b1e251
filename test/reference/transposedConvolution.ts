import type { Padding, Pair } from '../../src/graph/network.js';
import { type ImageShape, paddingBehind } from './window.js';

/** A transposed convolution with its operands: x NHWC, filter [R, S, K / groups, C]. */
export interface TransposedOperands {
  readonly x: ArrayLike<number>;
  readonly shape: ImageShape;
  readonly filter: ArrayLike<number>;
  readonly filterShape: readonly [height: number, width: number, outChannelsOfGroup: number, inChannels: number];
  /** One value an output channel. */
  readonly bias?: ArrayLike<number> | undefined;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly outputPadding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

/** Every input pixel adds its filters, times its value, to the output, whose sides are cut off behind that. */
export function transposedConvolutionReference(operands: TransposedOperands): {
  readonly y: Float64Array;
  readonly outShape: ImageShape;
} {
  const outShape = transposedShape(operands);
  const { x, filter, bias } = operands;
  const y = new Float64Array(outShape.reduce((product, size) => product * size));
  if (bias) for (let i = 0; i < y.length; i++) y[i] = bias[i % outShape[3]]!;
  forEachProduct(operands, (from, weight, to) => {
    y[to]! += x[from]! * filter[weight]!;
  });
  return { y, outShape };
}

/** From the gradient of the output, [N, P, Q, K], to those of the operands. */
export function transposedConvolutionBackwardReference(
  operands: TransposedOperands & { readonly dy: ArrayLike<number> },
): { readonly dx: Float64Array; readonly dFilter: Float64Array; readonly dBias: Float64Array } {
  const { x, filter, dy } = operands;
  const [, , , outChannels] = transposedShape(operands);
  const [dx, dFilter] = [new Float64Array(x.length), new Float64Array(filter.length)];
  const dBias = new Float64Array(outChannels);
  for (let i = 0; i < dy.length; i++) dBias[i % outChannels]! += dy[i]!;
  forEachProduct(operands, (from, weight, to) => {
    dx[from]! += dy[to]! * filter[weight]!;
    dFilter[weight]! += dy[to]! * x[from]!;
  });
  return { dx, dFilter, dBias };
}

function transposedShape(operands: TransposedOperands): ImageShape {
  const { shape, filterShape, stride, padding, outputPadding, dilation, groups } = operands;
  const along = (axis: 0 | 1): number => {
    const whole = (shape[axis + 1]! - 1) * stride[axis] + dilation[axis] * (filterShape[axis] - 1) + 1;
    return whole + outputPadding[axis] - padding[axis] - paddingBehind(padding, axis);
  };
  return [shape[0], along(0), along(1), filterShape[2] * groups];
}

/** Visits all products of an input element and a filter element with the output element that they are added to. */
function forEachProduct(operands: TransposedOperands, visit: (from: number, weight: number, to: number) => void): void {
  const { shape, filterShape, stride, padding, dilation, groups } = operands;
  const [batch, height, width, channels] = shape;
  const [rows, columns, groupOut] = filterShape;
  const [, outHeight, outWidth, outChannels] = transposedShape(operands);
  for (let pixel = 0; pixel < batch * height * width; pixel++) {
    const [n, h, w] = [Math.floor(pixel / width / height), Math.floor(pixel / width) % height, pixel % width];
    for (let tap = 0; tap < rows * columns; tap++) {
      const p = h * stride[0] + Math.floor(tap / columns) * dilation[0] - padding[0];
      const q = w * stride[1] + (tap % columns) * dilation[1] - padding[1];
      if (p < 0 || p >= outHeight || q < 0 || q >= outWidth) continue;
      const to = ((n * outHeight + p) * outWidth + q) * outChannels;
      for (let c = 0; c < channels; c++) {
        const group = Math.floor((c * groups) / channels);
        for (let k = 0; k < groupOut; k++) {
          visit(pixel * channels + c, (tap * groupOut + k) * channels + c, to + group * groupOut + k);
        }
      }
    }
  }
}
