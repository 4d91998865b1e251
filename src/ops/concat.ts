import text from '../../kernels/copy_channels.wgsl?raw';
import { ShapeError } from '../errors.js';
import { checkFields } from './fields.js';
import { type KernelStep, type OperationPlan, tensorBytes, threadGroups } from './plan.js';
import { type Precision, type PrecisionOptions, storedOperand, storedTexts } from './precision.js';
import { vectorWidths } from './vectors.js';
import { requireInteger } from './windows.js';

/** Concatenation along the channels. */
export interface ConcatShape {
  /** Batch times height times width. */
  readonly pixels: number;
  /** Channels of every input, in order. */
  readonly channels: readonly number[];
}

/** Concatenation. Operands: input0, input1, ... [pixels, channels[i]], output [pixels, sum of the channels]. */
export function planConcat(shape: ConcatShape, { precision = 'float32' }: PrecisionOptions = {}): OperationPlan {
  const operation = 'concat';
  const total = checkConcat(operation, shape);
  const { pixels, channels } = shape;
  const inputs = channels.map((count, index) => {
    return [`input${index}`, storedOperand(precision, 'input', pixels, count)] as const;
  });
  return {
    operation,
    operands: { ...Object.fromEntries(inputs), output: storedOperand(precision, 'output', pixels, total) },
    steps: channels.map((count, index) =>
      copyStep(
        pixels,
        count,
        { operand: `input${index}`, channels: count, offset: 0 },
        { operand: 'output', channels: total, offset: offsetOf(shape, index) },
        false,
        precision,
      ),
    ),
  };
}

/**
 * Gradient of a concatenation with respect to one of its inputs: a range of the channels. Operands: gradient [pixels, sum of
 * the channels], inputGradient [pixels, channels[index]], overwritten, or added to with `accumulate`.
 */
export function planConcatGradient(
  shape: ConcatShape,
  index: number,
  options: { readonly accumulate?: boolean } = {},
): OperationPlan {
  const operation = 'concatGradient';
  const total = checkConcat(operation, shape);
  const { pixels, channels } = shape;
  requireInteger(index, 0, 'index', { operation, prefix: '' });
  const count = channels[index];
  if (count === undefined) {
    const expected = `an index below ${channels.length}`;
    throw new ShapeError({ operation, parameter: 'index', expected, got: String(index) });
  }
  const accumulate = options.accumulate ?? false;
  return {
    operation,
    operands: {
      gradient: { bytes: tensorBytes(pixels, total), use: 'input' },
      inputGradient: { bytes: tensorBytes(pixels, count), use: accumulate ? 'inout' : 'output' },
    },
    steps: [
      copyStep(
        pixels,
        count,
        { operand: 'gradient', channels: total, offset: offsetOf(shape, index) },
        { operand: 'inputGradient', channels: count, offset: 0 },
        accumulate,
      ),
    ],
  };
}

/** One side of a copy. */
interface Place {
  readonly operand: string;
  readonly channels: number;
  readonly offset: number;
}

function copyStep(
  pixels: number,
  count: number,
  input: Place,
  output: Place,
  accumulate: boolean,
  precision: Precision = 'float32',
): KernelStep {
  const sizes = [count, input.channels, input.offset, output.channels, output.offset];
  const vector = vectorWidths.find((width) => sizes.every((size) => size % width === 0)) ?? 1;
  return {
    kernel: { name: 'copy_channels', text, shared: storedTexts(vector, precision) },
    constants: {
      PIXELS: pixels,
      CHANNELS: count,
      IN_CHANNELS: input.channels,
      IN_OFFSET: input.offset,
      OUT_CHANNELS: output.channels,
      OUT_OFFSET: output.offset,
      ACCUMULATE: accumulate,
    },
    workgroups: threadGroups((pixels * count) / vector),
    operands: { input: input.operand, output: output.operand },
  };
}

function offsetOf({ channels }: ConcatShape, index: number): number {
  return channels.slice(0, index).reduce((sum, count) => sum + count, 0);
}

function checkConcat(operation: string, shape: ConcatShape): number {
  const { pixels, channels } = shape;
  checkFields(operation, shape, { pixels, channels });
  const place = { operation, prefix: '' };
  requireInteger(pixels, 1, 'pixels', place);
  if (channels.length === 0) {
    throw new ShapeError({ operation, parameter: 'channels', expected: 'at least one input', got: 'none' });
  }
  channels.forEach((count, index) => {
    requireInteger(count, 1, `channels[${index}]`, place);
  });
  return channels.reduce((sum, count) => sum + count, 0);
}
