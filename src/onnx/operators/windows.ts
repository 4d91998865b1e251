import type { Pair } from '../../graph/network.js';
import type { Sides } from '../../ops/windows.js';
import { integersAttribute, textAttribute } from '../attributes.js';
import { malformed, quoted } from '../modelFile.js';
import type { Node } from '../node.js';

/*
 * The attributes of operators that go over images in windows.
 */

/** The windows of a node, and the images that they go over. */
export interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
}

export function windowsOf(node: Node, kernel: readonly number[]): Windows {
  return {
    kernel: pairOf(node, 'kernel_shape', kernel),
    stride: pairOf(node, 'strides', integersAttribute(node, 'strides') ?? [1, 1]),
    dilation: pairOf(node, 'dilations', integersAttribute(node, 'dilations') ?? [1, 1]),
  };
}

function pairOf({ place }: Node, name: string, sizes: readonly number[]): Pair {
  if (sizes.length === 2 && sizes.every((size) => size >= 1)) return [sizes[0]!, sizes[1]!];
  throw malformed(`${place}, ${name}`, 'two sizes of at least 1', `[${sizes.slice(0, 8)}]`);
}

/**
 * The padding that a node asks for by itself.
 *
 * @param size height and width of the images
 */
export function paddingOf(node: Node, size: Pair, { kernel, stride, dilation }: Windows): Sides {
  const automatic = automaticPadding(node);
  if (automatic === 'VALID') return [0, 0, 0, 0];
  if (automatic === 'NOTSET') return givenPadding(node);
  const totals = size.map((length, axis) => {
    const outputs = Math.ceil(length / stride[axis]!);
    const reach = dilation[axis]! * (kernel[axis]! - 1) + 1;
    return Math.max(0, (outputs - 1) * stride[axis]! + reach - length);
  });
  return sharedPadding(totals as unknown as Pair, automatic === 'SAME_UPPER');
}

/** Padding of so many pixels along each axis, the odd one behind or ahead. */
export function sharedPadding([height, width]: Pair, isOddBehind: boolean): Sides {
  const ahead = (total: number): number => (isOddBehind ? Math.floor(total / 2) : Math.ceil(total / 2));
  return [ahead(height), ahead(width), height - ahead(height), width - ahead(width)];
}

/** The attribute `pads`. */
export function givenPadding(node: Node): Sides {
  const pads = integersAttribute(node, 'pads') ?? [0, 0, 0, 0];
  if (pads.length === 4 && pads.every((size) => size >= 0)) return pads as unknown as Sides;
  throw malformed(`${node.place}, pads`, 'four sizes from 0 up', `[${pads.slice(0, 8)}]`);
}

export function automaticPadding(node: Node): string {
  const given = textAttribute(node, 'auto_pad', '') || 'NOTSET';
  if (!['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'].includes(given)) {
    throw malformed(`${node.place}, auto_pad`, 'NOTSET, VALID, SAME_UPPER or SAME_LOWER', quoted(given));
  }
  return given;
}

/** The padding of both. */
export function joinedPadding(one: Sides, other: Sides): Sides {
  return one.map((size, side) => size + other[side]!) as unknown as Sides;
}

/** Whether there is any. */
export function isPadded(padding: Sides): boolean {
  return padding.some((size) => size > 0);
}
