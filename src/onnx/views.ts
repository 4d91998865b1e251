import type { Shape } from '../graph/shapes.js';

/*
 * Exporters turn tensors, cut their axes up and join them again, and mostly that comes to nothing, a flatten or a shuffle of
 * channels. So it is not done: a tensor of the graph is a layer's output with a view of it, as strided arrays have them.
 */

/** A dimension of a layer's output. */
export type Dimension = 'batch' | 'channels' | 'height' | 'width';

/** Every `stride`-th element of a dimension, `size` of them. The batch is one part, of a size that does not count. */
export interface Part {
  readonly dimension: Dimension;
  readonly size: number;
  readonly stride: number;
}

/** What the axis of a tensor of the graph goes over, the first part slowest; nothing where it has one element. */
export type Axis = readonly Part[];

/** The axes of a tensor of the graph, which hold every element of a layer's output once. */
export type View = readonly Axis[];

const batch: Part = { dimension: 'batch', size: 1, stride: 1 };

/** A whole dimension of a layer's output. */
function whole(dimension: Dimension, [, height, width, channels]: Shape): Part {
  return { dimension, size: { batch: 1, channels, height, width }[dimension], stride: 1 };
}

/** Axes that are whole dimensions, in an order. */
export function viewOf(shape: Shape, dimensions: readonly Dimension[]): View {
  return dimensions.map((dimension) => [whole(dimension, shape)]);
}

/** [N, C, H, W] */
export function imageView(shape: Shape): View {
  return viewOf(shape, ['batch', 'channels', 'height', 'width']);
}

/** [N, C H W] */
export function rowView(shape: Shape): View {
  return [[batch], [whole('channels', shape), whole('height', shape), whole('width', shape)]];
}

/** An axis as few parts as possible. */
export function shortest(axis: Axis): Axis {
  const parts: Part[] = [];
  for (const part of axis) {
    if (part.size === 1 && part.dimension !== 'batch') continue;
    const last = parts.at(-1);
    const isOn = last && last.dimension === part.dimension && last.stride === part.size * part.stride;
    if (isOn) parts[parts.length - 1] = { ...part, size: last.size * part.size };
    else parts.push(part);
  }
  return parts;
}

function isSameAxis(one: Axis, other: Axis): boolean {
  const [first, second] = [shortest(one), shortest(other)];
  return (
    first.length === second.length &&
    first.every(({ dimension, size, stride }, index) => {
      const part = second[index]!;
      return dimension === part.dimension && size === part.size && stride === part.stride;
    })
  );
}

/** Whether two views have every element at the same place. */
export function isSameView(one: View, other: View): boolean {
  return one.length === other.length && one.every((axis, index) => isSameAxis(axis, other[index]!));
}

/** Whether an axis is these dimensions, whole and in this order. */
export function isWhole(axis: Axis, shape: Shape, ...dimensions: readonly Dimension[]): boolean {
  return isSameAxis(
    axis,
    dimensions.map((dimension) => whole(dimension, shape)),
  );
}

/** The axis that is the channels, all of them and nothing else; none has -1. */
export function channelAxis(view: View, shape: Shape): number {
  const isNamed = (axis: Axis): boolean => axis.some(({ dimension }) => dimension === 'channels');
  const named = view.findIndex((axis) => isNamed(axis) && isWhole(axis, shape, 'channels'));
  // A single channel may have lost its axis, and got another one.
  return named >= 0 || shape[3] > 1 ? named : view.findIndex((axis, index) => index > 0 && shortest(axis).length === 0);
}

/** Where the axes that go over height or width are; an axis that mixes them with others has none. */
export function pixelAxes(view: View): readonly number[] {
  return view.flatMap((axis, index) => {
    const isOfPixels = axis.some(({ dimension }) => dimension === 'height' || dimension === 'width');
    const isMixed = shortest(axis).some(({ dimension }) => dimension === 'batch' || dimension === 'channels');
    return isOfPixels && !isMixed ? [index] : [];
  });
}

/** The same axes over another layer's output, where they are whole dimensions. */
export function movedView(view: View, shape: Shape): View {
  return view.map((axis) => axis.map(({ dimension }) => whole(dimension, shape)));
}

/** Whether every axis is made of whole dimensions. */
export function isOfWholes(view: View, shape: Shape): boolean {
  return view.every((axis) => shortest(axis).every((part) => isSameAxis([part], [whole(part.dimension, shape)])));
}

/** Elements of an axis, those of the batch left out. */
export function elementsOf(axis: Axis): number {
  return axis.reduce((product, { size }) => product * size, 1);
}

/** Whether an axis goes over the images. */
export function hasBatch(axis: Axis): boolean {
  return axis.some(({ dimension }) => dimension === 'batch');
}

/**
 * The same elements in the same order with axes of other sizes. The images remain the first axis, joined with elements behind them
 * where its size is above 1. Nothing where an axis would go over parts that have no stride in common.
 */
export function reshapedView(view: View, sizes: readonly number[]): View | undefined {
  const [first, ...rest] = view.flat();
  if (first?.dimension !== 'batch') return undefined;
  const parts = [...rest];
  const axes: Axis[] = [];
  for (const size of sizes) {
    const axis = takeParts(parts, size);
    if (!axis) return undefined;
    axes.push(axis);
  }
  if (!parts.every(({ size }) => size === 1)) return undefined;
  return [[first, ...axes[0]!], ...axes.slice(1)];
}

/** Takes parts of so many elements off the front. */
function takeParts(parts: Part[], size: number): Axis | undefined {
  if (size === 1) return parts[0]?.size === 1 ? [parts.shift()!] : [];
  const axis: Part[] = [];
  let missing = size;
  while (missing > 1) {
    const part = parts.shift();
    if (!part) return undefined;
    if (missing % part.size === 0) {
      axis.push(part);
      missing /= part.size;
    } else if (part.size % missing === 0) {
      const rest = part.size / missing;
      axis.push({ ...part, size: missing, stride: part.stride * rest });
      parts.unshift({ ...part, size: rest });
      missing = 1;
    } else return undefined;
  }
  return axis;
}

/** The number of groups that a shuffle of channels goes over, where an axis is what one makes of them. */
export function shuffledGroups(axis: Axis, [, , , channels]: Shape): number | undefined {
  const [inner, outer, ...others] = shortest(axis);
  if (!inner || !outer || others.length > 0) return undefined;
  if (inner.dimension !== 'channels' || outer.dimension !== 'channels') return undefined;
  const isShuffle = inner.stride === 1 && outer.stride === inner.size && inner.size * outer.size === channels;
  return isShuffle ? outer.size : undefined;
}

/** For every element of an axis over a whole image its place in the order channels, height, width. */
export function rowOrder(axis: Axis, shape: Shape): Uint32Array {
  const [, height, width] = shape;
  const strides = { batch: 0, channels: height * width, height: width, width: 1 };
  let places = Uint32Array.of(0);
  for (const { dimension, size, stride } of axis) {
    const step = strides[dimension] * stride;
    const next = new Uint32Array(places.length * size);
    for (let index = 0; index < next.length; index++)
      next[index] = places[Math.floor(index / size)]! + (index % size) * step;
    places = next;
  }
  return places;
}

/** The axis that is a dimension, whole and alone; -1 where none is. */
export function axisAlong(view: View, shape: Shape, dimension: Dimension): number {
  return view.findIndex((axis) => axis.some((part) => part.dimension === dimension) && isWhole(axis, shape, dimension));
}
