import type { Pair } from '../../src/graph/network.js';

/** Batch, height, width, channels. */
export type ImageShape = readonly [batch: number, height: number, width: number, channels: number];

/** A window sliding over the images of a batch. */
export interface WindowGeometry {
  readonly shape: ImageShape;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** Height and width of the output; windows that do not fit whole are left out. */
export function outputSize({ shape, kernel, stride, padding, dilation }: WindowGeometry): [number, number] {
  const size = (axis: 0 | 1) =>
    Math.floor((shape[axis + 1]! + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis]) + 1;
  return [size(0), size(1)];
}

/**
 * Visits every pair of an output pixel and an input pixel in its window, padding left out, in row-major order of the
 * output pixels and, within each, of the window.
 *
 * @param visit gets the position in the window (r * S + s), and the pixels as (n * height + row) * width + column
 */
export function forEachTap(
  geometry: WindowGeometry,
  visit: (tap: number, inputPixel: number, outputPixel: number) => void,
): void {
  const { shape, kernel, stride, padding, dilation } = geometry;
  const [batch, height, width] = shape;
  const [outHeight, outWidth] = outputSize(geometry);
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < outHeight; p++) {
      for (let q = 0; q < outWidth; q++) {
        for (let r = 0; r < kernel[0]; r++) {
          const row = p * stride[0] - padding[0] + r * dilation[0];
          if (row < 0 || row >= height) continue;
          for (let s = 0; s < kernel[1]; s++) {
            const column = q * stride[1] - padding[1] + s * dilation[1];
            if (column < 0 || column >= width) continue;
            visit(r * kernel[1] + s, (n * height + row) * width + column, (n * outHeight + p) * outWidth + q);
          }
        }
      }
    }
  }
}
