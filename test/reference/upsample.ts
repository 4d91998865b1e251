import type { ImageShape } from './window.js';

export interface UpsampleOperands {
  readonly shape: ImageShape;
  readonly factor: readonly [height: number, width: number];
  readonly mode: 'nearest' | 'bilinear';
  readonly alignCorners?: boolean;
}

/** Rows of what each pixel of the enlarged axis is made of, as PyTorch's interpolate has it. */
function shares(size: number, factor: number, { mode, alignCorners }: UpsampleOperands): Float64Array[] {
  const enlarged = size * factor;
  return Array.from({ length: enlarged }, (_, place) => {
    const row = new Float64Array(size);
    if (mode === 'nearest') {
      row[Math.floor(place / factor)] = 1;
      return row;
    }
    const corners = enlarged === 1 ? 0 : (place * (size - 1)) / (enlarged - 1);
    const source = alignCorners ? corners : Math.max(0, (place + 0.5) / factor - 0.5);
    const first = Math.min(Math.floor(source), size - 1);
    row[first]! += 1 - (source - first);
    row[Math.min(first + 1, size - 1)]! += source - first;
    return row;
  });
}

/** Calls with every share of an input element in an output element. */
function forEachShare(
  operands: UpsampleOperands,
  work: (outputElement: number, inputElement: number, share: number) => void,
): void {
  const { shape, factor } = operands;
  const [batch, height, width, channels] = shape;
  const rows = shares(height, factor[0], operands);
  const columns = shares(width, factor[1], operands);
  for (let n = 0; n < batch; n++) {
    rows.forEach((row, p) => {
      columns.forEach((column, q) => {
        for (let h = 0; h < height; h++) {
          for (let w = 0; w < width; w++) {
            const share = row[h]! * column[w]!;
            if (share === 0) continue;
            for (let c = 0; c < channels; c++) {
              const output = ((n * rows.length + p) * columns.length + q) * channels + c;
              work(output, ((n * height + h) * width + w) * channels + c, share);
            }
          }
        }
      });
    });
  }
}

/** @param of - what is made of a share; itself where left out */
export function upsampleReference(
  x: ArrayLike<number>,
  operands: UpsampleOperands,
  of = (share: number): number => share,
): Float64Array {
  const y = new Float64Array(x.length * operands.factor[0] * operands.factor[1]);
  forEachShare(operands, (output, input, share) => {
    y[output]! += of(share) * x[input]!;
  });
  return y;
}

/** @param of - as of {@link upsampleReference} */
export function upsampleBackwardReference(
  dy: ArrayLike<number>,
  operands: UpsampleOperands,
  of = (share: number): number => share,
): Float64Array {
  const dx = new Float64Array(dy.length / operands.factor[0] / operands.factor[1]);
  forEachShare(operands, (output, input, share) => {
    dx[input]! += of(share) * dy[output]!;
  });
  return dx;
}
