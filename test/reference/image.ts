/** A rectangle of a picture that becomes another number of pixels. */
export interface Resampling {
  readonly imageWidth: number;
  readonly imageHeight: number;
  readonly width: number;
  readonly height: number;
  /** Left, top, width and height of the rectangle; it may leave the picture. */
  readonly box: readonly [left: number, top: number, width: number, height: number];
  readonly antialias: boolean;
}

/**
 * Pillow's resizing with a triangle filter, along one axis after the other: each output pixel is the weighted mean of the
 * pixels within the support of the filter, which widens with the scale where that is above 1.
 *
 * @param image [imageHeight, imageWidth, channels]
 * @returns [height, width, channels]
 */
export function resampleReference(image: ArrayLike<number>, channels: number, resampling: Resampling): Float64Array {
  const { imageWidth, imageHeight, width, height, box, antialias } = resampling;
  const columns = triangleWeights(imageWidth, width, box[0], box[2], antialias);
  const rows = triangleWeights(imageHeight, height, box[1], box[3], antialias);
  const narrowed = new Float64Array(imageHeight * width * channels);
  for (let y = 0; y < imageHeight; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        narrowed[(y * width + x) * channels + c] = columns[x]!.reduce(
          (sum, weight, u) => sum + weight * image[(y * imageWidth + u) * channels + c]!,
          0,
        );
      }
    }
  }
  const output = new Float64Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < width * channels; i++) {
      output[y * width * channels + i] = rows[y]!.reduce(
        (sum, weight, v) => sum + weight * narrowed[v * width * channels + i]!,
        0,
      );
    }
  }
  return output;
}

/** For every output place the weights of all input places, which add up to 1. */
function triangleWeights(from: number, to: number, start: number, span: number, antialias: boolean): number[][] {
  const scale = span / to;
  const support = antialias ? Math.max(scale, 1) : 1;
  return Array.from({ length: to }, (_, place) => {
    const centre = Math.min(Math.max(start + (place + 0.5) * scale, 0), from);
    const weights = Array.from({ length: from }, (_, at) => Math.max(0, 1 - Math.abs(at + 0.5 - centre) / support));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  });
}
