import { ShapeError } from '../errors.js';

/** A pair for height and width. */
export type Pair = readonly [height: number, width: number];

/** The four sides of an image. */
export type Sides = readonly [top: number, left: number, bottom: number, right: number];

/** Pixels around an image: as many ahead of an axis as behind it, for height and width, or each side's own. */
export type Padding = Pair | Sides;

/** The padding of each side. */
export function sidesOf(padding: Padding): Sides {
  const [top, left] = padding;
  const [, , bottom = top, right = left] = padding as readonly number[];
  return [top, left, bottom, right];
}

/** The same padding as a pair where opposite sides are alike. */
export function shortestPadding(padding: Padding): Padding {
  const [top, left, bottom, right] = sidesOf(padding);
  return top === bottom && left === right ? [top, left] : [top, left, bottom, right];
}

/** Where a value stands, for the error that refuses it: `parameter` of the error is `prefix` plus the value's name. */
export interface ErrorPlace {
  readonly operation: string;
  readonly prefix: string;
}

/** Throws ShapeError unless `value` is an integer of at least `minimum` (0 or 1). */
export function requireInteger(value: number, minimum: 0 | 1, parameter: string, place: ErrorPlace): void {
  if (Number.isSafeInteger(value) && value >= minimum) return;
  const expected = minimum === 0 ? 'a non-negative integer' : 'a positive integer';
  throw refusal(place, parameter, expected, String(value));
}

/** A window that slides along one axis. */
interface AxisWindows {
  /** Elements of the window, `dilation` apart. */
  readonly kernel: number;
  readonly stride: number;
  /** Elements added ahead of the input and behind it. */
  readonly padding: readonly [before: number, after: number];
  readonly dilation: number;
  /** Whether the last window may reach beyond the padded input. */
  readonly ceilMode: boolean;
}

/**
 * How many positions a sliding window has along one axis:
 * `floor((size + before + after - dilation (kernel - 1) - 1) / stride) + 1`, or the same rounded up with `ceilMode`; there the
 * last one is left out where it would start behind the input, as in PyTorch.
 *
 * @param size - elements of the input along the axis
 * @param place - what a ShapeError names
 * @throws ShapeError unless padding is a non-negative integer, the others are positive ones and the window fits the
 * padded input
 */
export function windowOutput(
  size: number,
  windows: AxisWindows,
  place: ErrorPlace = { operation: 'windowOutput', prefix: '' },
): number {
  checkAxis(size, windows, place);
  const { stride, padding, ceilMode } = windows;
  const [before, after] = padding;
  const padded = size + before + after;
  const span = spanOf(windows);
  const longest = ceilMode ? padded + stride - 1 : padded;
  if (span > longest) {
    const whole = ceilMode ? 'with the last stride' : 'the padded input';
    throw refusal(place, 'kernel', `a window of at most ${longest} elements, ${whole}`, `${span}`);
  }
  const last = Math.floor((longest - span) / stride);
  return ceilMode && last * stride >= size + before ? last : last + 1;
}

/** Windows along height and width. */
export interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
  /** [1, 1] where left out. */
  readonly dilation?: Pair;
  /** False where left out. */
  readonly ceilMode?: boolean | undefined;
}

/** {@link windowOutput} along height and width. */
export function windowOutputs(size: Pair, windows: Windows, place: ErrorPlace): [height: number, width: number] {
  const along = (axis: 0 | 1): number => windowOutput(size[axis], alongAxis(windows, axis), place);
  return [along(0), along(1)];
}

/**
 * {@link windowOutputs} of a pool.
 *
 * @throws ShapeError also where a window would hold nothing but padding
 */
export function poolOutputs(size: Pair, windows: Windows, place: ErrorPlace): [height: number, width: number] {
  const { kernel, stride, padding } = windows;
  const outputs = windowOutputs(size, windows, place);
  const holds = (axis: 0 | 1): boolean =>
    padding[axis] < kernel[axis] && (outputs[axis] - 1) * stride[axis] < size[axis] + padding[axis];
  if (holds(0) && holds(1)) return outputs;
  throw refusal(place, 'padding', 'a pixel of the image in every window', list(padding));
}

/**
 * The output of a transposed convolution, which is the input of a convolution that gives an output of this one's input's size:
 * `(size - 1) stride - before - after + dilation (kernel - 1) + 1 + outputPadding` along each axis.
 *
 * @throws ShapeError unless padding and outputPadding are non-negative integers, the latter less than stride or dilation, the
 * others positive ones and something is left of the output
 */
export function transposedOutputs(
  size: Pair,
  windows: Windows & { readonly outputPadding: Pair },
  place: ErrorPlace,
): [height: number, width: number] {
  const { outputPadding, padding } = windows;
  const along = (axis: 0 | 1): number => {
    const own = alongAxis(windows, axis);
    checkAxis(size[axis], own, place);
    requireInteger(outputPadding[axis], 0, 'outputPadding', place);
    if (outputPadding[axis] >= Math.max(own.stride, own.dilation)) {
      throw refusal(place, 'outputPadding', 'less than the stride or the dilation', list(outputPadding));
    }
    const whole = (size[axis] - 1) * own.stride + spanOf(own) + outputPadding[axis];
    const output = whole - own.padding[0] - own.padding[1];
    if (output < 1) throw refusal(place, 'padding', `less than ${whole}, what there is to cut off`, list(padding));
    return output;
  };
  return [along(0), along(1)];
}

function alongAxis({ kernel, stride, padding, dilation, ceilMode = false }: Windows, axis: 0 | 1): AxisWindows {
  const sides = sidesOf(padding);
  return {
    kernel: kernel[axis],
    stride: stride[axis],
    padding: [sides[axis], sides[axis === 0 ? 2 : 3]],
    dilation: dilation ? dilation[axis] : 1,
    ceilMode,
  };
}

function checkAxis(size: number, { kernel, stride, padding, dilation }: AxisWindows, place: ErrorPlace): void {
  requireInteger(size, 1, 'size', place);
  requireInteger(kernel, 1, 'kernel', place);
  requireInteger(stride, 1, 'stride', place);
  for (const side of padding) requireInteger(side, 0, 'padding', place);
  requireInteger(dilation, 1, 'dilation', place);
}

/** From the first element of a window to the last one. */
function spanOf({ kernel, dilation }: AxisWindows): number {
  return dilation * (kernel - 1) + 1;
}

/** The error for a value that does not fit. */
export function refusal(
  { operation, prefix }: ErrorPlace,
  parameter: string,
  expected: string,
  got: string,
): ShapeError {
  return new ShapeError({ operation, parameter: `${prefix}${parameter}`, expected, got });
}

function list(values: readonly number[]): string {
  return `[${values.join(', ')}]`;
}
