import type { Padding, Pair } from '../../src/graph/network.js';
import { forEachTap, type ImageShape, outputSize, paddingBehind, type WindowGeometry } from './window.js';

/** A pooling over x of the given NHWC shape. */
export interface PoolOperands {
  readonly x: ArrayLike<number>;
  readonly shape: ImageShape;
  /** `global` is one window over the whole image; stride and padding are then not looked at. */
  readonly kernel: Pair | 'global';
  readonly stride: Pair;
  readonly padding: Padding;
  /** Whether a mean counts padding as zeros (unless told) or not at all. */
  readonly countPadding?: boolean | undefined;
  /** As of {@link WindowGeometry}. */
  readonly ceilMode?: boolean | undefined;
}

export interface PoolResult {
  /** NHWC, of `outShape`. */
  readonly y: Float64Array;
  readonly outShape: ImageShape;
}

/**
 * The largest value of each window; padding never wins. Of equal values the first in row-major order counts, and a NaN
 * in the window is the result.
 *
 * @returns also `winner`, the index into x that each output came from
 */
export function maxPoolReference(operands: PoolOperands): PoolResult & { readonly winner: Int32Array } {
  const { x, shape } = operands;
  const channels = shape[3];
  const geometry = geometryOf(operands);
  const outShape = outShapeOf(geometry);
  const y = new Float64Array(elements(outShape)).fill(-Infinity);
  const winner = new Int32Array(y.length).fill(-1);
  forEachTap(geometry, (_, inputPixel, outputPixel) => {
    for (let c = 0; c < channels; c++) {
      const value = x[inputPixel * channels + c]!;
      const out = outputPixel * channels + c;
      if (winner[out] === -1 || value > y[out]! || Number.isNaN(value)) {
        y[out] = value;
        winner[out] = inputPixel * channels + c;
      }
    }
  });
  return { y, outShape, winner };
}

/** Each output's gradient goes to the element it came from. */
export function maxPoolBackwardReference(operands: PoolOperands & { readonly dy: ArrayLike<number> }): Float64Array {
  const dx = new Float64Array(operands.x.length);
  maxPoolReference(operands).winner.forEach((index, out) => {
    if (index >= 0) dx[index]! += operands.dy[out]!;
  });
  return dx;
}

/** The mean of each window. */
export function meanPoolReference(operands: PoolOperands): PoolResult {
  const { x, shape } = operands;
  const channels = shape[3];
  const geometry = geometryOf(operands);
  const outShape = outShapeOf(geometry);
  const areas = windowAreas(geometry, operands.countPadding);
  const y = new Float64Array(elements(outShape));
  forEachTap(geometry, (_, inputPixel, outputPixel) => {
    const area = areas[outputPixel]!;
    for (let c = 0; c < channels; c++) y[outputPixel * channels + c]! += x[inputPixel * channels + c]! / area;
  });
  return { y, outShape };
}

/** Each output's gradient goes in equal shares to the elements of its window. */
export function meanPoolBackwardReference(
  operands: Omit<PoolOperands, 'x'> & { readonly dy: ArrayLike<number> },
): Float64Array {
  const { dy, shape } = operands;
  const channels = shape[3];
  const geometry = geometryOf(operands);
  const areas = windowAreas(geometry, operands.countPadding);
  const dx = new Float64Array(elements(shape));
  forEachTap(geometry, (_, inputPixel, outputPixel) => {
    const area = areas[outputPixel]!;
    for (let c = 0; c < channels; c++) dx[inputPixel * channels + c]! += dy[outputPixel * channels + c]! / area;
  });
  return dx;
}

/** What the mean of each output pixel divides by. */
function windowAreas(geometry: WindowGeometry, countPadding = true): Float64Array {
  const [batch, height, width] = outShapeOf(geometry);
  const areas = new Float64Array(batch * height * width);
  if (countPadding)
    return areas.map((_, pixel) => paddedArea(geometry, Math.floor(pixel / width) % height, pixel % width));
  forEachTap(geometry, (_, __, outputPixel) => {
    areas[outputPixel]!++;
  });
  return areas;
}

/** Places of a window that are in the image or its padding. */
function paddedArea({ shape, kernel, stride, padding }: WindowGeometry, p: number, q: number): number {
  const along = (axis: 0 | 1, place: number): number => {
    const padded = padding[axis] + shape[axis + 1]! + paddingBehind(padding, axis);
    return Array.from({ length: kernel[axis] }, (_, r) => place * stride[axis] + r).filter((at) => at < padded).length;
  };
  return along(0, p) * along(1, q);
}

function geometryOf({ shape, kernel, stride, padding, ceilMode }: Omit<PoolOperands, 'x'>): WindowGeometry {
  const dilation: Pair = [1, 1];
  if (kernel === 'global') return { shape, kernel: [shape[1], shape[2]], stride: [1, 1], padding: [0, 0], dilation };
  return { shape, kernel, stride, padding, dilation, ceilMode };
}

function outShapeOf(geometry: WindowGeometry): ImageShape {
  const [height, width] = outputSize(geometry);
  return [geometry.shape[0], height, width, geometry.shape[3]];
}

function elements(shape: ImageShape): number {
  return shape[0] * shape[1] * shape[2] * shape[3];
}
