import fillText from '../../kernels/fill_channels.wgsl?raw';
import { ShapeError } from '../errors.js';
import { copyStep } from './concat.js';
import { checkFields } from './fields.js';
import { type KernelStep, type OperationPlan, threadGroups } from './plan.js';
import { type Precision, type PrecisionOptions, statusOperand, storedOperand, storedTexts } from './precision.js';
import { vectorWidths } from './vectors.js';
import { requireInteger } from './windows.js';

/** Channels that follow one another, out of more. */
export interface SliceShape {
  /** Batch times height times width. */
  readonly pixels: number;
  /** Of the input. */
  readonly channels: number;
  /** The first that is taken, from 0. */
  readonly start: number;
  /** How many are taken. */
  readonly count: number;
}

/**
 * Some of the channels. Operands: input [pixels, channels], output [pixels, count], overwritten.
 *
 * @throws ShapeError for a size that does not fit.
 */
export function planSlice(shape: SliceShape, { precision = 'float32' }: PrecisionOptions = {}): OperationPlan {
  const operation = 'slice';
  checkSlice(operation, shape);
  const { pixels, channels, start, count } = shape;
  const input = { operand: 'input', channels, offset: start };
  const output = { operand: 'output', channels: count, offset: 0 };
  return {
    operation,
    operands: {
      input: storedOperand(precision, 'input', pixels, channels),
      output: storedOperand(precision, 'output', pixels, count),
    },
    steps: [copyStep(pixels, count, input, output, false, precision)],
  };
}

/**
 * Gradient of {@link planSlice}: the channels that were not taken have none. Operands: gradient [pixels, count], inputGradient
 * [pixels, channels], overwritten, or added to with `accumulate`; status in float16 with `accumulate`.
 *
 * @throws ShapeError for a size that does not fit.
 */
export function planSliceGradient(
  shape: SliceShape,
  options: { readonly accumulate?: boolean } & PrecisionOptions = {},
): OperationPlan {
  const operation = 'sliceGradient';
  checkSlice(operation, shape);
  const { pixels, channels, start, count } = shape;
  const { accumulate = false, precision = 'float32' } = options;
  const gradient = { operand: 'gradient', channels: count, offset: 0 };
  const inputGradient = { operand: 'inputGradient', channels, offset: start };
  return {
    operation,
    operands: {
      gradient: storedOperand(precision, 'input', pixels, count),
      inputGradient: storedOperand(precision, accumulate ? 'inout' : 'output', pixels, channels),
      ...(accumulate && statusOperand(precision)),
    },
    steps: [
      accumulate ? copyStep(pixels, count, gradient, inputGradient, true, precision) : fillStep(shape, precision),
    ],
  };
}

function fillStep({ pixels, channels, start, count }: SliceShape, precision: Precision): KernelStep {
  const vector = vectorWidths.find((width) => [channels, start, count].every((size) => size % width === 0)) ?? 1;
  return {
    kernel: { name: 'fill_channels', text: fillText, shared: storedTexts(vector, precision) },
    constants: { PIXELS: pixels, CHANNELS: count, OUT_CHANNELS: channels, OUT_OFFSET: start },
    workgroups: threadGroups((pixels * channels) / vector),
    operands: { input: 'gradient', output: 'inputGradient' },
  };
}

function checkSlice(operation: string, shape: SliceShape): void {
  const { pixels, channels, start, count } = shape;
  checkFields(operation, shape, { pixels, channels, start, count });
  const place = { operation, prefix: '' };
  requireInteger(pixels, 1, 'pixels', place);
  requireInteger(channels, 1, 'channels', place);
  requireInteger(start, 0, 'start', place);
  requireInteger(count, 1, 'count', place);
  if (start + count <= channels) return;
  const expected = `at most the ${channels - start} channels from ${start} on`;
  throw new ShapeError({ operation, parameter: 'count', expected, got: String(count) });
}
