/** How a pixel weighs its neighbours, by their distance in pixels of the smaller of the two pictures. */
export type ResampleFilter = 'bilinear' | 'bicubic';

/** Pixels of one kind, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Values a pixel. */
  readonly channels: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** A rectangle of whole pixels. */
export interface PixelRegion {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const filters: Readonly<Record<ResampleFilter, { readonly support: number; weight(distance: number): number }>> = {
  bilinear: { support: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: { support: 2, weight: (distance) => cubic(Math.abs(distance)) },
};

/** Keys' cubic with a = -1/2. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** Weights are whole numbers of 2^-22: the largest for which sums of bytes stay within 32 bits. */
const fractionBits = 22;

/** Which inputs an output is a sum of: `weights[output * taps + i]` times input `first[output] + i`, in 2^-22. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly taps: number;
  readonly weights: Int32Array;
}

/**
 * A part of a picture that is resized to `width` x `height`, antialiased: every pixel is a weighted mean of all the pixels that
 * it covers. It is done in bytes as Pillow does it, and so as torchvision does it with pictures: along the rows first, then
 * along the columns, with weights of 22 bits behind the point and a rounding to bytes behind each.
 */
export function resample(
  picture: Pixels,
  { width, height }: { readonly width: number; readonly height: number },
  region: PixelRegion = { left: 0, top: 0, width, height },
  filter: ResampleFilter = 'bilinear',
): Uint8Array {
  const columns = tapsOf(picture.width, width, region.left, region.width, filter);
  const rows = tapsOf(picture.height, height, region.top, region.height, filter);
  const firstRow = Math.min(...rows.first);
  const lastRow = Math.max(...rows.first.map((first, index) => first + rows.count[index]!));
  const narrow = alongRows(picture, columns, firstRow, lastRow - firstRow);
  return alongColumns(narrow, region.width * picture.channels, rows, firstRow);
}

/** The taps of outputs `start` to `start + count - 1` of a resize from `inSize` to `outSize`. */
function tapsOf(inSize: number, outSize: number, start: number, count: number, filter: ResampleFilter): Taps {
  const { support, weight } = filters[filter];
  const scale = inSize / outSize;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const taps = Math.ceil(reach) * 2 + 1;
  const result = {
    first: new Int32Array(count),
    count: new Int32Array(count),
    taps,
    weights: new Int32Array(count * taps),
  };
  // Nothing is weighed where the size stays.
  if (inSize === outSize) {
    for (let output = 0; output < count; output++) {
      result.first[output] = start + output;
      result.count[output] = 1;
      result.weights[output * taps] = 2 ** fractionBits;
    }
    return result;
  }
  for (let output = 0; output < count; output++) {
    const centre = (start + output + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach + 0.5), inSize);
    const weights = Array.from({ length: end - first }, (_, tap) => weight((first + tap - centre + 0.5) / stretch));
    const sum = weights.reduce((total, value) => total + value, 0);
    result.first[output] = first;
    result.count[output] = end - first;
    for (const [tap, value] of weights.entries()) {
      const fixed = (value / sum) * 2 ** fractionBits;
      result.weights[output * taps + tap] = Math.trunc(fixed + (fixed < 0 ? -0.5 : 0.5));
    }
  }
  return result;
}

function toByte(sum: number): number {
  const value = sum >> fractionBits;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

const half = 2 ** (fractionBits - 1);

/** The picture's rows `firstRow` to `firstRow + rows - 1`, each resized. */
function alongRows({ width, channels, data }: Pixels, columns: Taps, firstRow: number, rows: number): Uint8Array {
  const outSize = columns.first.length * channels;
  const result = new Uint8Array(rows * outSize);
  const resizeRow = channels === 3 ? colourRow : plainRow;
  for (let row = 0; row < rows; row++) {
    resizeRow(data, (firstRow + row) * width * channels, columns, channels, result, row * outSize);
  }
  return result;
}

type ResizeRow = (
  data: Pixels['data'],
  rowStart: number,
  columns: Taps,
  channels: number,
  result: Uint8Array,
  to: number,
) => void;

const plainRow: ResizeRow = (data, rowStart, { first, count, taps, weights }, channels, result, to) => {
  for (let output = 0; output < first.length; output++) {
    const end = output * taps + count[output]!;
    for (let channel = 0; channel < channels; channel++) {
      let from = rowStart + first[output]! * channels + channel;
      let sum = half;
      for (let tap = output * taps; tap < end; tap++) {
        sum += data[from]! * weights[tap]!;
        from += channels;
      }
      result[to++] = toByte(sum);
    }
  }
};

/** The same for three channels, whose sums share the weights: more than twice as fast. */
const colourRow: ResizeRow = (data, rowStart, { first, count, taps, weights }, _, result, to) => {
  for (let output = 0; output < first.length; output++) {
    const end = output * taps + count[output]!;
    let from = rowStart + first[output]! * 3;
    let red = half;
    let green = half;
    let blue = half;
    for (let tap = output * taps; tap < end; tap++) {
      const weight = weights[tap]!;
      red += data[from]! * weight;
      green += data[from + 1]! * weight;
      blue += data[from + 2]! * weight;
      from += 3;
    }
    result[to++] = toByte(red);
    result[to++] = toByte(green);
    result[to++] = toByte(blue);
  }
};

/** Rows of `rowSize` values, of which the first is the picture's row `firstRow`, resized along the columns. */
function alongColumns(data: Uint8Array, rowSize: number, rows: Taps, firstRow: number): Uint8Array {
  const { first, count, taps, weights } = rows;
  const outHeight = first.length;
  const result = new Uint8Array(outHeight * rowSize);
  const sums = new Int32Array(rowSize);
  for (let output = 0; output < outHeight; output++) {
    sums.fill(half);
    for (let tap = 0; tap < count[output]!; tap++) {
      const weight = weights[output * taps + tap]!;
      const start = (first[output]! - firstRow + tap) * rowSize;
      for (let index = 0; index < rowSize; index++) sums[index]! += data[start + index]! * weight;
    }
    for (let index = 0; index < rowSize; index++) result[output * rowSize + index] = toByte(sums[index]!);
  }
  return result;
}
