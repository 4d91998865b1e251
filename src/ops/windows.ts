import { ShapeError } from '../errors.js';

/** A pair for height and width. */
export type Pair = readonly [height: number, width: number];

/** Where a value stands, for the error that refuses it: `parameter` of the error is `prefix` plus the value's name. */
export interface ErrorPlace {
  readonly operation: string;
  readonly prefix: string;
}

/** Throws ShapeError unless `value` is an integer of at least `minimum` (0 or 1). */
export function requireInteger(value: number, minimum: 0 | 1, parameter: string, place: ErrorPlace): void {
  if (Number.isSafeInteger(value) && value >= minimum) return;
  throw new ShapeError({
    operation: place.operation,
    parameter: `${place.prefix}${parameter}`,
    expected: minimum === 0 ? 'a non-negative integer' : 'a positive integer',
    got: String(value),
  });
}

/**
 * How many positions a sliding window has along one axis:
 * `floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.
 *
 * @param size - elements of the input along the axis
 * @param kernel - elements of the window, `dilation` apart
 * @param padding - elements added at either end
 * @param place - what a ShapeError names
 * @throws ShapeError unless padding is a non-negative integer, the others are positive ones and the window fits the
 * padded input
 */
export function windowOutput(
  size: number,
  kernel: number,
  stride: number,
  padding: number,
  dilation: number,
  place: ErrorPlace = { operation: 'windowOutput', prefix: '' },
): number {
  requireInteger(size, 1, 'size', place);
  requireInteger(kernel, 1, 'kernel', place);
  requireInteger(stride, 1, 'stride', place);
  requireInteger(padding, 0, 'padding', place);
  requireInteger(dilation, 1, 'dilation', place);
  const padded = size + 2 * padding;
  const span = dilation * (kernel - 1) + 1;
  if (span > padded) {
    throw new ShapeError({
      operation: place.operation,
      parameter: `${place.prefix}kernel`,
      expected: `a window of at most ${padded} elements, the padded input`,
      got: `${span}`,
    });
  }
  return Math.floor((padded - span) / stride) + 1;
}

/** {@link windowOutput} along height and width. */
export function windowOutputs(
  size: Pair,
  windows: { readonly kernel: Pair; readonly stride: Pair; readonly padding: Pair; readonly dilation?: Pair },
  place: ErrorPlace,
): [height: number, width: number] {
  const { kernel, stride, padding, dilation = [1, 1] } = windows;
  const along = (axis: 0 | 1): number =>
    windowOutput(size[axis], kernel[axis], stride[axis], padding[axis], dilation[axis], place);
  return [along(0), along(1)];
}
