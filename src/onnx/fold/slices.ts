import { axesFrom, integerAttribute, integersAttribute } from '../attributes.js';
import { malformed } from '../modelFile.js';
import type { Node } from '../node.js';
import { upTo } from './numberArrays.js';

/** What a Slice takes along an axis. */
export interface SliceRange {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/**
 * What a Slice takes along each axis that it names.
 *
 * @param lists the inputs behind the first, which older versions have as attributes
 */
export function sliceRanges(
  node: Node,
  lists: readonly (readonly number[] | undefined)[],
  rank: number,
): ReadonlyMap<number, SliceRange> {
  const list = (index: number, name: string): readonly number[] | undefined =>
    lists[index] ?? integersAttribute(node, name);
  const [starts, ends] = [list(1, 'starts') ?? [], list(2, 'ends') ?? []];
  const axes = list(3, 'axes') ?? upTo(starts.length);
  const steps = lists[4] ?? starts.map(() => 1);
  const known = axesFrom(`${node.place}, axes`, axes, rank);
  const isAlike = [ends, axes, steps, known].every(({ length }) => length === starts.length);
  if (!isAlike || starts.length === 0) {
    const got = `${starts.length}, ${ends.length}, ${axes.length} and ${steps.length}`;
    throw malformed(`${node.place}, starts, ends, axes and steps`, 'as many of each', got);
  }
  if (steps.includes(0)) throw malformed(`${node.place}, steps`, 'no 0', `[${steps.slice(0, 8)}]`);
  return new Map(
    axes.map((axis, index) => {
      const range = { start: starts[index]!, end: ends[index]!, step: steps[index]! };
      return [axis < 0 ? axis + rank : axis, range];
    }),
  );
}

/** What a range takes of an axis: the first index, and how many. */
export function sliceExtent(size: number, { start, end, step }: SliceRange): { start: number; count: number } {
  const within = (index: number): number => {
    const own = index < 0 ? index + size : index;
    return step > 0 ? Math.min(Math.max(own, 0), size) : Math.min(Math.max(own, -1), size - 1);
  };
  const from = within(start);
  return { start: from, count: Math.max(0, Math.ceil((within(end) - from) / step)) };
}

/** The indices along an axis that a range takes, all without one. */
export function sliceIndices(size: number, range?: SliceRange): readonly number[] {
  if (!range) return upTo(size);
  const { start, count } = sliceExtent(size, range);
  return upTo(count).map((index) => start + index * range.step);
}

/** From version 18 on a Split says how many pieces there are, or their sizes: not both, nor nothing. */
export function requirePieces({ place, proto }: Node, opset: number): void {
  const isCounted = proto.attribute.some(({ name }) => name === 'num_outputs');
  const isSized = (proto.input[1] ?? '') !== '';
  if (opset < 18 || isCounted !== isSized) return;
  throw malformed(`${place}, num_outputs`, 'it or an input of sizes', isCounted ? 'both' : 'none');
}

/**
 * The sizes of the pieces of a Split.
 *
 * @param given the second input, which older versions have as an attribute
 * @param size of the axis
 */
export function splitSizes(node: Node, given: readonly number[] | undefined, size: number): readonly number[] {
  const asked = given ?? integersAttribute(node, 'split');
  const count = node.proto.output.length;
  const parts = integerAttribute(node, 'num_outputs', count);
  if (asked && (asked.length !== count || asked.some((one) => one < 0) || sum(asked) !== size)) {
    throw malformed(`${node.place}, split`, `${count} sizes that add up to ${size}`, `[${asked.slice(0, 8)}]`);
  }
  if (asked) return asked;
  const length = Math.ceil(size / count);
  const isEven = size % count === 0;
  // Uneven pieces came with `num_outputs`: the last one is smaller.
  const isUneven = node.proto.attribute.some(({ name }) => name === 'num_outputs') && length * (count - 1) < size;
  if (parts === count && (isEven || isUneven)) {
    return upTo(count).map((index) => Math.min(length, size - index * length));
  }
  throw malformed(`${node.place}, outputs`, `${parts} pieces of ${size}`, `${count}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
