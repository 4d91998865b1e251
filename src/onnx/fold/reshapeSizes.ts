import { elementCount } from '../../graph/parameters.js';
import { axesFrom, integerAttribute, integersAttribute } from '../attributes.js';
import { malformed } from '../modelFile.js';
import type { Node } from '../node.js';
import type { NumberArray } from './numberArrays.js';

/*
 * What Flatten, Squeeze and Unsqueeze make of the sizes of a tensor.
 */

/** The axes of a node, which older versions have as an attribute. */
function axesOf(node: Node, given: NumberArray | undefined): readonly number[] | undefined {
  if (given && given.type !== 'integer') throw malformed(`${node.place}, axes`, 'integers', given.type);
  return given ? (Array.from(given.values) as number[]) : integersAttribute(node, 'axes');
}

/** The axes that go, of size 1: all of these where the node names none. */
export function squeezedAxes(
  node: Node,
  sizes: readonly unknown[],
  given: NumberArray | undefined,
): readonly number[] | undefined {
  const axes = axesOf(node, given);
  return axes && axesFrom(`${node.place}, axes`, axes, sizes.length);
}

export function squeezedSizes(node: Node, sizes: readonly number[], given: NumberArray | undefined): readonly number[] {
  const gone = squeezedAxes(node, sizes, given) ?? sizes.flatMap((size, axis) => (size === 1 ? [axis] : []));
  if (gone.some((axis) => sizes[axis] !== 1)) {
    throw malformed(`${node.place}, axes`, `axes of size 1 of [${sizes}]`, `[${gone}]`);
  }
  return sizes.filter((_, axis) => !gone.includes(axis));
}

/** The axes of size 1 that come, among all that are there then. */
export function unsqueezedAxes(node: Node, rank: number, given: NumberArray | undefined): readonly number[] {
  const axes = axesOf(node, given);
  if (!axes) throw malformed(`${node.place}, axes`, 'a list of axes', 'none');
  const added = axesFrom(`${node.place}, axes`, axes, rank + axes.length);
  if (added.length < axes.length) throw malformed(`${node.place}, axes`, 'every axis once', `[${axes.slice(0, 8)}]`);
  return added;
}

export function unsqueezedSizes(
  node: Node,
  sizes: readonly number[],
  given: NumberArray | undefined,
): readonly number[] {
  const added = unsqueezedAxes(node, sizes.length, given);
  const own = sizes.values();
  return Array.from({ length: sizes.length + added.length }, (_, axis) =>
    added.includes(axis) ? 1 : own.next().value!,
  );
}

/** The axis that a Flatten cuts ahead of. */
export function flattenAxis(node: Node, rank: number, isOld: boolean): number {
  const axis = integerAttribute(node, 'axis', 1);
  // Negative ones came with version 11.
  const least = isOld ? 0 : -rank;
  if (!(axis >= least && axis <= rank)) throw malformed(`${node.place}, axis`, `${least} to ${rank}`, `${axis}`);
  return axis < 0 ? axis + rank : axis;
}

export function flattenedSizes(node: Node, sizes: readonly number[]): readonly number[] {
  const axis = flattenAxis(node, sizes.length, false);
  return [elementCount(sizes.slice(0, axis)), elementCount(sizes.slice(axis))];
}
