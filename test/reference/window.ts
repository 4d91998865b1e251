import type { Padding, Pair } from '../../src/graph/network.js';

/** Batch, height, width, channels. */
export type ImageShape = readonly [batch: number, height: number, width: number, channels: number];

/** A window sliding over the images of a batch. */
export interface WindowGeometry {
  readonly shape: ImageShape;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
  /** Whether a last window counts that reaches beyond the padding, but starts ahead of the padding behind the image. */
  readonly ceilMode?: boolean | undefined;
}

/** How many pixels lie behind the image along an axis: of [height, width] or [top, left, bottom, right]. */
export function paddingBehind(padding: readonly number[], axis: 0 | 1): number {
  return padding.length === 4 ? padding[axis + 2]! : padding[axis]!;
}

/** Height and width of the output, counted place by place. */
export function outputSize(geometry: WindowGeometry): [number, number] {
  const { shape, kernel, stride, padding, dilation, ceilMode = false } = geometry;
  const size = (axis: 0 | 1) => {
    const image = padding[axis] + shape[axis + 1]!;
    const padded = image + paddingBehind(padding, axis);
    const last = dilation[axis] * (kernel[axis] - 1);
    let count = 0;
    for (let start = 0; start < padded; start += stride[axis]) {
      const isWhole = start + last < padded;
      // Beyond the padding as far as no whole stride would fit.
      const mayReach = start < image && start + last < padded + stride[axis] - 1;
      if (ceilMode ? mayReach : isWhole) count++;
    }
    return count;
  };
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
