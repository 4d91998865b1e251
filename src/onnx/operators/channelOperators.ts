import { axesFrom, floatAttribute, integerAttribute } from '../attributes.js';
import { requiredAxis } from '../fold/foldStructure.js';
import { requirePieces, sliceExtent, sliceRanges, splitSizes } from '../fold/slices.js';
import {
  type Activation,
  activationOf,
  addLayer,
  freeName,
  hasInput,
  type ImportState,
  integersInput,
  layerName,
  setActivation,
  setOutput,
  shapeOf,
  sizesText,
} from '../importState.js';
import { asImage, imageOf, orderText, rowOf } from '../materialise.js';
import { malformed, quoted, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { channelAxis, elementsOf, imageView, isSameView, isWhole, movedView, shortest } from '../views.js';

/*
 * Operators that go along the channels.
 */

export function importConcat(state: ImportState, node: Node): void {
  const given = node.proto.input.map((_, index) => activationOf(state, node, index));
  const [head] = given as [Activation];
  const rank = head.view.length;
  const other = given.find(({ view }) => view.length !== rank);
  if (other) {
    throw malformed(`${node.place}, inputs`, `tensors like ${sizesText(state, head)}`, sizesText(state, other));
  }
  const axis = requiredAxis(node, rank);
  const inOrder = given.map((value) => alongChannels(state, node, value, axis));
  const name = layerName(state, node);
  const layers = inOrder.map(({ layer }) => layer);
  const shape = addLayer(state, node, { kind: 'concat', name, inputs: layers });
  const moved = inOrder.map(({ view }) => movedView(view, shape).map((one, index) => (index === axis ? [] : one)));
  const strange = moved.findIndex((view) => !isSameView(view, moved[0]!));
  if (strange > 0) {
    const [expected, got] = [inOrder[0]!, inOrder[strange]!].map((value) => orderText(state, value));
    throw unsupported(`${node.place}, inputs`, `tensors in one order, as ${expected}`, got!);
  }
  const channels = [{ dimension: 'channels', size: shape[3], stride: 1 }] as const;
  setActivation(
    state,
    node,
    name,
    moved[0]!.map((one, index) => (index === axis ? channels : one)),
  );
}

export function importSplit(state: ImportState, node: Node): void {
  requirePieces(node, state.opset);
  const given = activationOf(state, node, 0);
  const [axis] = axesFrom(`${node.place}, axis`, [integerAttribute(node, 'axis', 0)], given.view.length);
  const input = alongChannels(state, node, given, axis!);
  const sizes = splitSizes(
    node,
    hasInput(node, 1) ? integersInput(state, node, 1) : undefined,
    shapeOf(state, input)[3],
  );
  let start = 0;
  for (const [index, channels] of sizes.entries()) {
    const name = freeName(state, [node.proto.output[index]!, `${layerName(state, node)}.${index}`]);
    if (node.proto.output[index] !== '') addSlice(state, node, input, { name, start, channels, index });
    start += channels;
  }
}

function addSlice(
  state: ImportState,
  node: Node,
  input: Activation,
  { name, start, channels, index }: Readonly<{ name: string; start: number; channels: number; index: number }>,
): void {
  if (channels === 0) throw unsupported(node.place, 'at least one channel', 'none');
  const shape = addLayer(state, node, { kind: 'slice', name, inputs: [input.layer], start, channels });
  setActivation(state, node, name, movedView(input.view, shape), index);
}

/** Of channels; along other axes only what takes all of them. */
export function importSlice(state: ImportState, node: Node): void {
  const given = activationOf(state, node, 0);
  const lists = node.proto.input.map((_, index) =>
    index > 0 && hasInput(node, index) ? integersInput(state, node, index) : undefined,
  );
  const ranges = sliceRanges(node, lists, given.view.length);
  let input = given;
  for (const [axis, range] of ranges) {
    if (range.step === 1 && range.start === 0 && range.end >= 2 ** 31 - 1) continue;
    if (axis === 0) throw unsupported(`${node.place}, axes`, 'the channels of every image', '0, the images');
    const size = elementsOf(input.view[axis]!);
    const { start, count } = sliceExtent(size, range);
    if (count === size && range.step === 1) continue;
    const ordered = alongChannels(state, node, input, axis);
    if (range.step !== 1) throw unsupported(`${node.place}, steps`, '1', `${range.step}`);
    if (count === 0) throw unsupported(node.place, 'at least one channel', 'none');
    const name = layerName(state, node);
    const shape = addLayer(state, node, { kind: 'slice', name, inputs: [ordered.layer], start, channels: count });
    input = { kind: 'activation', layer: name, view: movedView(ordered.view, shape) };
  }
  setOutput(state, node, input);
}

/** An activation whose axis is its channels. */
function alongChannels(state: ImportState, node: Node, value: Activation, axis: number): Activation {
  const { view } = value;
  if (axis === channelAxis(view, shapeOf(state, value))) return value;
  if (view.length === 2 && axis === 1) return rowOf(state, node, value);
  if (view.length === 4 && axis === 1) return asImage(state, node, 0, value);
  throw unsupported(`${node.place}, axis`, 'that of the channels', `${axis} of ${orderText(state, value)}`);
}

export function importSoftmax(state: ImportState, node: Node): void {
  const given = activationOf(state, node, 0);
  const rank = given.view.length;
  // Before version 13 everything from the axis on was one.
  const isOld = state.opset < 13;
  const axis = integerAttribute(node, 'axis', isOld ? 1 : -1);
  const [from] = axesFrom(`${node.place}, axis`, [axis], rank) as [number];
  const input = rank === 2 && from === 1 ? rowOf(state, node, given) : given;
  const shape = shapeOf(state, input);
  const over = isOld ? input.view.slice(from).flat() : input.view[from]!;
  if (!isWhole(over, shape, 'channels') || from === 0) {
    const got = `axis ${axis} of ${orderText(state, given)} in version ${state.opset}`;
    throw unsupported(`${node.place}, axis`, 'a softmax of channels', got);
  }
  const name = layerName(state, node);
  addLayer(state, node, { kind: 'softmax', name, inputs: [input.layer] });
  setActivation(state, node, name, input.view);
}

/** There is no logarithm to make one of, and what is ahead of it is as good to whoever asks for it. */
export function importLogSoftmax(_: ImportState, node: Node): void {
  const expected = `a network that ends ahead of it: output ${quoted(node.proto.input[0]!)}`;
  throw unsupported(node.place, expected, 'logarithms of shares');
}

export function importLRN(state: ImportState, node: Node): void {
  const input = imageOf(state, node, 0);
  const size = integerAttribute(node, 'size');
  if (size === undefined || size < 1)
    throw malformed(`${node.place}, size`, 'a size of at least 1', `${size ?? 'none'}`);
  if (size % 2 === 0) throw unsupported(`${node.place}, size`, 'an odd number of channels', `${size}`);
  const [alpha, beta, k] = [
    floatAttribute(node, 'alpha', 1e-4),
    floatAttribute(node, 'beta', 0.75),
    floatAttribute(node, 'bias', 1),
  ];
  for (const [name, value, least] of [
    ['alpha', alpha, 0],
    ['beta', beta, 0],
    ['bias', k, Number.MIN_VALUE],
  ] as const) {
    if (value >= least && Number.isFinite(value)) continue;
    throw unsupported(`${node.place}, ${name}`, least === 0 ? 'a number from 0 up' : 'a number above 0', `${value}`);
  }
  const name = layerName(state, node);
  const layer = { kind: 'localResponseNorm', name, inputs: [input.layer], size, alpha, beta, k } as const;
  setActivation(state, node, name, imageView(addLayer(state, node, layer)));
}

/** Gather of channels that follow one another. */
export function importGather(state: ImportState, node: Node): void {
  const given = activationOf(state, node, 0);
  const [axis] = axesFrom(`${node.place}, axis`, [integerAttribute(node, 'axis', 0)], given.view.length);
  const input = alongChannels(state, node, given, axis!);
  const channels = shapeOf(state, input)[3];
  const places = integersInput(state, node, 1).map((index) => (index < 0 ? index + channels : index));
  const [start] = places as [number];
  const isRun = places.length > 0 && places.every((place, index) => place === start + index);
  if (!isRun || start < 0 || start + places.length > channels) {
    throw unsupported(
      `${node.place}, input 1`,
      `channels of ${channels} that follow one another`,
      `[${places.slice(0, 8)}]`,
    );
  }
  const name = layerName(state, node);
  const shape = addLayer(state, node, { kind: 'slice', name, inputs: [input.layer], start, channels: places.length });
  const isList = shortest(input.view[axis!]!).length > 0;
  const view = movedView(input.view, shape);
  const dims = rankOfIndices(state, node);
  if (dims > 1) throw unsupported(`${node.place}, input 1`, 'an index, or a list of them', `${dims} axes of them`);
  setActivation(state, node, name, dims === 0 && isList ? view.filter((_, index) => index !== axis) : view);
}

function rankOfIndices(state: ImportState, node: Node): number {
  const value = state.values.get(node.proto.input[1]!);
  return value?.kind === 'constant' ? value.tensor.dims.length : 1;
}
