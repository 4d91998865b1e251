import text from '../../kernels/copy_channels.wgsl?raw';
import { ShapeError } from '../errors.js';
import { checkFields } from './fields.js';
import { type KernelStep, type OperationPlan, threadGroups } from './plan.js';
import {
  checkedStep,
  type Precision,
  type PrecisionOptions,
  statusOperand,
  storedOperand,
  storedTexts,
} from './precision.js';
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
 * the channels], inputGradient [pixels, channels[index]], overwritten, or added to with `accumulate`;
 * status in float16 with `accumulate`.
 */
export function planConcatGradient(
  shape: ConcatShape,
  index: number,
  options: { readonly accumulate?: boolean } & PrecisionOptions = {},
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
  const { accumulate = false, precision = 'float32' } = options;
  return {
    operation,
    operands: {
      gradient: storedOperand(precision, 'input', pixels, total),
      inputGradient: storedOperand(precision, accumulate ? 'inout' : 'output', pixels, count),
      ...(accumulate && statusOperand(precision)),
    },
    steps: [
      copyStep(
        pixels,
        count,
        { operand: 'gradient', channels: total, offset: offsetOf(shape, index) },
        { operand: 'inputGradient', channels: count, offset: 0 },
        accumulate,
        precision,
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

/** Copies, or adds, `count` channels from one place to the other. */
export function copyStep(
  pixels: number,
  count: number,
  input: Place,
  output: Place,
  accumulate: boolean,
  precision: Precision,
): KernelStep {
  const sizes = [count, input.channels, input.offset, output.channels, output.offset];
  const vector = vectorWidths.find((width) => sizes.every((size) => size % width === 0)) ?? 1;
  const checked = checkedStep(accumulate && precision === 'float16');
  return {
    kernel: { name: 'copy_channels', text, shared: [...storedTexts(vector, precision), ...checked.shared] },
    constants: {
      PIXELS: pixels,
      CHANNELS: count,
      IN_CHANNELS: input.channels,
      IN_OFFSET: input.offset,
      OUT_CHANNELS: output.channels,
      OUT_OFFSET: output.offset,
      ACCUMULATE: accumulate,
      ...checked.constants,
    },
    workgroups: threadGroups((pixels * count) / vector),
    operands: { input: input.operand, output: output.operand, ...checked.operands },
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
