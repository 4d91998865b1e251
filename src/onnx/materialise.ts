import type { Layer } from '../graph/network.js';
import type { Sides } from '../ops/windows.js';
import {
  type Activation,
  activationOf,
  addLayer,
  freeName,
  type ImportState,
  inputOf,
  shapeOf,
  sizesText,
} from './importState.js';
import { malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { imageView, isSameView, isWhole, rowView, shortest, shuffledGroups } from './views.js';

/*
 * Layers that bring the elements of a tensor into the order in which the graph sees them.
 */

const noSides: Sides = [0, 0, 0, 0];

/** An input [N, C, H, W] that depends on the images. */
export function imageOf(state: ImportState, node: Node, index: number): Activation {
  return asImage(state, node, index, activationOf(state, node, index));
}

/** The same of a node that can take over what a Pad has put around the images. */
export function paddedImageOf(
  state: ImportState,
  node: Node,
  index: number,
): { readonly input: Activation; readonly padding: Sides } {
  const value = inputOf(state, node, index);
  if (value.kind !== 'activation' || !value.padding) return { input: imageOf(state, node, index), padding: noSides };
  const { padding, ...input } = value;
  return { input: asImage(state, node, index, input), padding };
}

/** A tensor as images [N, C, H, W]. */
export function asImage(state: ImportState, node: Node, index: number, value: Activation): Activation {
  const { view } = value;
  const where = `${node.place}, input ${index}`;
  if (view.length === 2) throw malformed(where, '[N, C, H, W]', sizesText(state, value));
  const shape = shapeOf(state, value);
  if (isSameView(view, imageView(shape))) return value;
  const made = view.length === 4 ? reordered(state, node, value) : undefined;
  if (made) return made;
  throw unsupported(where, 'images [N, C, H, W], whose axes are in this order', orderText(state, value));
}

/** Images whose channels are shuffled, or whose elements are all in the axis of the channels. */
function reordered(state: ImportState, node: Node, value: Activation): Activation | undefined {
  const shape = shapeOf(state, value);
  const [batch, channels, ...pixels] = value.view as readonly [Activation['view'][0], Activation['view'][0]];
  if (!isWhole(batch, shape, 'batch')) return undefined;
  if (isWhole(channels, shape, 'channels', 'height', 'width') && pixels.every((axis) => shortest(axis).length === 0)) {
    return asPixel(rowOf(state, node, value));
  }
  const groups = shuffledGroups(channels, shape);
  const own = imageView(shape).slice(2);
  if (groups === undefined || !isSameView(pixels, own)) return undefined;
  return helper(state, node, value, { kind: 'shuffle', groups });

  function asPixel(row: Activation): Activation {
    return { ...row, view: imageView(shapeOf(state, row)) };
  }
}

/** A layer that the graph has not as a node, once for each that it reads. */
function helper(
  state: ImportState,
  node: Node,
  value: Activation,
  kind: { readonly kind: 'shuffle'; readonly groups: number } | { readonly kind: 'flatten' },
): Activation {
  const known = state.layers.find(
    (layer) =>
      layer.kind === kind.kind &&
      layer.inputs[0] === value.layer &&
      (layer.kind !== 'shuffle' || (kind.kind === 'shuffle' && layer.groups === kind.groups)),
  );
  const name = known?.name ?? freeName(state, [`${value.layer}.${kind.kind}`]);
  if (!known) addLayer(state, node, { ...kind, name, inputs: [value.layer] } as Layer);
  return { kind: 'activation', layer: name, view: imageView(state.shapes.get(name)!) };
}

/**
 * A row an image whose elements lie in memory as the graph has them: one of several pixels, which nodes like Gemm read as it
 * is, becomes a row by a layer of its own.
 */
export function rowOf(state: ImportState, node: Node, value: Activation): Activation {
  const shape = shapeOf(state, value);
  const elements = value.view[1] ?? [];
  if (isWhole(elements, shape, 'channels')) return value;
  if (isWhole(elements, shape, 'channels', 'height', 'width')) {
    const { layer } = helper(state, node, value, { kind: 'flatten' });
    return { kind: 'activation', layer, view: rowView(state.shapes.get(layer)!) };
  }
  throw unsupported(node.place, 'rows in the order channels, height, width', orderText(state, value));
}

/** Tensors that are joined, with one view of layers of one shape where that can be had. */
export function alike(state: ImportState, node: Node, values: readonly Activation[]): readonly Activation[] {
  const [first, ...others] = values;
  const isOne = others.every((other) => isSameView(first!.view, other.view));
  if (isOne) return values;
  const rank = first!.view.length;
  return values.map((value, index) => {
    if (value.view.length !== rank) {
      throw malformed(`${node.place}, inputs`, `tensors like ${sizesText(state, first!)}`, sizesText(state, value));
    }
    return rank === 2 ? rowOf(state, node, value) : asImage(state, node, index, value);
  });
}

/** The order of an activation's elements, for errors. */
export function orderText(state: ImportState, value: Activation): string {
  const letters = { batch: 'N', channels: 'C', height: 'H', width: 'W' };
  const order = value.view.map(
    (axis) =>
      shortest(axis)
        .map(({ dimension }) => letters[dimension])
        .join(' ') || '1',
  );
  return `${sizesText(state, value)}, which is [${order.join(', ')}] of images`;
}
