import { TensorProto_DataType } from 'onnx-buf';
import { elementCount } from '../../graph/parameters.js';
import { integerAttribute } from '../attributes.js';
import { castType, permutation } from '../fold/foldStructure.js';
import { listOf, type Size } from '../fold/numberArrays.js';
import { flattenAxis, squeezedAxes, unsqueezedAxes } from '../fold/reshapeSizes.js';
import {
  type Activation,
  activationOf,
  hasInput,
  type ImportState,
  integersInput,
  misfit,
  setArray,
  setOutput,
  sizesInput,
  sizesOf,
  sizesText,
} from '../importState.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { elementsOf, hasBatch, reshapedView, shortest, type View } from '../views.js';

/*
 * Operators that leave every element as it is and give it another place, which is a matter of the view.
 */

export function importTranspose(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const order = permutation(node, input.view.length);
  setOutput(state, node, { ...input, view: order.map((axis) => input.view[axis]!) });
}

export function importFlatten(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const { view } = input;
  const axis = flattenAxis(node, view.length, state.opset < 11);
  setOutput(state, node, { ...input, view: [view.slice(0, axis).flat(), view.slice(axis).flat()] });
}

export function importReshape(state: ImportState, node: Node): void {
  const value = activationOf(state, node, 0);
  const where = `${node.place}, shape`;
  const target = targetSizes(state, node, value);
  const got = `[${target.slice(0, 8).join(', ')}]`;
  if (target.filter((size) => size === -1).length > 1) throw malformed(where, 'one size of -1', got);
  const view = viewOfSizes(state, where, value, target);
  if (view) {
    setOutput(state, node, { ...value, view });
    return;
  }
  throw unsupported(where, `axes of ${sizesText(state, value)} cut up or joined in their order, images first`, got);
}

/** The sizes that a Reshape asks for, with those that it takes over. */
function targetSizes(state: ImportState, node: Node, value: Activation): readonly Size[] {
  const own = sizesOf(state, value);
  const copies = integerAttribute(node, 'allowzero', 0) === 0;
  return sizesInput(state, node, 1).map((size, axis) => (size === 0 && copies ? (own[axis] ?? size) : size));
}

/** The view that has sizes, the images first; nothing where it is none. */
function viewOfSizes(
  state: ImportState,
  where: string,
  value: Activation,
  [images, ...rest]: readonly Size[],
): View | undefined {
  const elements = elementCount(value.view.map(elementsOf));
  const others = rest.filter((size): size is number => size !== 'batch');
  if (images === undefined || others.length < rest.length) return undefined;
  const known = elementCount(others.filter((size) => size !== -1));
  const got = `[${[images, ...rest].slice(0, 8).join(', ')}]`;
  if (!(known > 0) || elements % known !== 0) {
    // Elements of several images may be joined.
    if (images === -1 && known > 0 && !state.isResized) return undefined;
    throw misfit(state, where, `${elements} elements an image`, got);
  }
  if (others.includes(-1)) {
    const apart = images === 'batch' || images === state.batch;
    return apart
      ? reshapedView(value.view, [1, ...others.map((size) => (size === -1 ? elements / known : size))])
      : undefined;
  }
  const joined = elements / known;
  const isJoined = images === -1 || (images === 'batch' && joined === 1) || images === (state.batch ?? 0) * joined;
  if (!isJoined && (images === 'batch' || images === state.batch)) {
    throw misfit(state, where, `${elements} elements an image`, got);
  }
  return isJoined ? reshapedView(value.view, [joined, ...others]) : undefined;
}

export function importSqueeze(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const { view } = input;
  const where = `${node.place}, axes`;
  const axes = squeezedAxes(node, view, axesInput(state, node));
  if (!axes) {
    const got = `none of ${sizesText(state, input)}`;
    throw unsupported(where, 'the axes that go, since the images may be one', got);
  }
  if (axes.some((axis) => hasBatch(view[axis]!))) {
    throw unsupported(where, 'other axes than that of the images', `[${axes}] of ${sizesText(state, input)}`);
  }
  if (axes.some((axis) => shortest(view[axis]!).length > 0)) {
    throw misfit(state, where, 'axes of size 1', `[${axes}] of ${sizesText(state, input)}`);
  }
  setOutput(state, node, { ...input, view: view.filter((_, axis) => !axes.includes(axis)) });
}

export function importUnsqueeze(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const added = unsqueezedAxes(node, input.view.length, axesInput(state, node));
  const own = input.view.values();
  const view = Array.from({ length: input.view.length + added.length }, (_, axis) =>
    added.includes(axis) ? [] : own.next().value!,
  );
  setOutput(state, node, { ...input, view });
}

function axesInput(state: ImportState, node: Node) {
  return hasInput(node, 1) ? listOf(integersInput(state, node, 1)) : undefined;
}

/** The sizes of a tensor that depends on the images. */
export function importShape(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const sizes = sizesOf(state, input);
  const taken = sizes.slice(integerAttribute(node, 'start', 0), integerAttribute(node, 'end', sizes.length));
  if (taken.includes(undefined)) {
    throw unsupported(node.place, 'the number of images as a size of its own', sizesText(state, input));
  }
  setArray(state, node, listOf(taken as readonly Size[]));
}

/** To the type that activations have anyway. */
export function importCast(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const to = integerAttribute(node, 'to', TensorProto_DataType.UNDEFINED);
  castType(node);
  if (to !== TensorProto_DataType.FLOAT && to !== TensorProto_DataType.DOUBLE) {
    throw unsupported(`${node.place}, to`, 'FLOAT', TensorProto_DataType[to] ?? `${to}`);
  }
  setOutput(state, node, input);
}
