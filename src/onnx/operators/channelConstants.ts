import type { Layer } from '../../graph/network.js';
import type { Shape } from '../../graph/shapes.js';
import { integerAttribute } from '../attributes.js';
import { arrayOf } from '../fold/numberArrays.js';
import {
  type Activation,
  activationOf,
  addLayer,
  described,
  freeName,
  type ImportState,
  layerName,
  setActivation,
  setOutput,
  shapeOf,
  sizesOf,
  sizesText,
  type Value,
} from '../importState.js';
import { rowOf } from '../materialise.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { placeOfTensor } from '../tensorValues.js';
import { channelAxis, elementsOf } from '../views.js';

/*
 * Sums and products of a tensor and a constant that is one number, or one a channel: a bias, or an affine layer.
 */

type Constant = Extract<Value, { kind: 'constant' }>;

/** What a constant does to each channel: x becomes `scale` x + `shift`. */
const effects: Readonly<
  Record<string, (value: number, isFirst: boolean) => readonly [scale: number, shift: number] | undefined>
> = {
  Add: (value) => [1, value],
  Sum: (value) => [1, value],
  Sub: (value, isFirst) => (isFirst ? [-1, value] : [1, -value]),
  Mul: (value) => [value, 0],
  Div: (value, isFirst) => (isFirst ? undefined : [1 / value, 0]),
};

export function importWithConstant(state: ImportState, node: Node, { tensor }: Constant, index: number): void {
  const given = activationOf(state, node, 1 - index);
  const place = placeOfTensor(state.file, node.proto.input[index]!);
  const array = arrayOf(tensor, place);
  if (array.type !== 'float') throw malformed(place, 'floating-point numbers', array.type);
  const dims = spreadFrom(state, node, given, array.dims);
  const { input, values } = channelValues(state, node, given, { dims, values: array.values as ArrayLike<number> });
  const pairs = Array.from(values, (value) => {
    const pair = effects[node.proto.opType]!(value, index === 0);
    if (pair?.every((number) => Number.isFinite(Math.fround(number)))) return pair;
    if (!pair) throw unsupported(`${node.place}, input 1`, described.constant, described.activation);
    throw malformed(place, 'numbers that leave outputs finite', `${value}`);
  });
  const scale = Float32Array.from(pairs, ([factor]) => factor);
  const shift = Float32Array.from(pairs, ([, summand]) => summand);
  scaleChannels(state, node, input, scale, shift);
}

/** Makes the node's output `scale` x + `shift` for each channel: nothing, a bias, or a layer of its own. */
function scaleChannels(
  state: ImportState,
  node: Node,
  input: Activation,
  scale: Float32Array,
  shift: Float32Array,
): void {
  const earlier = scaledBefore(state, node, input);
  if (earlier) {
    const factors = earlier.scale.map((value, channel) => value * scale[channel]!);
    const summands = earlier.shift.map((value, channel) => value * scale[channel]! + shift[channel]!);
    scaleChannels(state, node, earlier.input, factors, summands);
    return;
  }
  const keeps = scale.every((value) => value === 1);
  if (keeps && shift.every((value) => value === 0)) setOutput(state, node, input);
  else if (keeps && addBias(state, node, input, shift)) setOutput(state, node, input);
  else setActivation(state, node, addAffine(state, node, input, scale, shift), input.view);
}

/** What an affine layer that the node alone reads does to its own input. */
function scaledBefore(state: ImportState, node: Node, { layer, view }: Activation) {
  const made = state.layers.findLast(({ name }) => name === layer);
  if (made?.kind !== 'affine' || state.uses.get(activationName(state, node)) !== 1) return undefined;
  const [scale, shift] = ['weight', 'bias'].map((parameter) => state.parameters.get(`${layer}.${parameter}`)!);
  const input: Activation = { kind: 'activation', layer: made.inputs[0]!, view };
  return { input, scale: scale!, shift: shift! };
}

/** The tensor that a node with a constant reads. */
function activationName(state: ImportState, node: Node): string {
  return node.proto.input.find((name) => state.values.get(name)?.kind === 'activation')!;
}

/** Gives a layer that has none, and that nothing else reads, a bias. Returns whether there was one. */
function addBias(state: ImportState, node: Node, { layer }: Activation, shift: Float32Array): boolean {
  const index = state.layers.findLastIndex(({ name }) => name === layer);
  const made = state.layers[index];
  const tensors = made && 'bias' in made && !made.bias ? readOnce(state, activationName(state, node)) : undefined;
  if (!made || !tensors) return false;
  state.layers[index] = { ...made, bias: true } as Layer;
  state.parameters.set(`${layer}.bias`, shift);
  // Without the bias they are no longer there, for functions that are recognised either.
  const error = unsupported(node.place, 'its output', 'a tensor that it has taken over');
  for (const name of tensors) state.values.set(name, { kind: 'refused', error });
  return true;
}

/** What makes the layers that have a bias, and what leaves them as they are. */
const makers = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'];
const passing = ['Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze'];

/** A layer's output and what it is seen as up to a tensor, where all of these are read once. */
function readOnce(state: ImportState, tensor: string): readonly string[] | undefined {
  const names: string[] = [];
  let name = tensor;
  while (state.uses.get(name) === 1) {
    names.push(name);
    const producer = state.producers.get(name)?.proto;
    if (producer && makers.includes(producer.opType)) return names;
    if (!producer || !passing.includes(producer.opType)) return undefined;
    name = producer.input[0] ?? '';
  }
  return undefined;
}

/** Adds an affine layer, and returns its name. */
export function addAffine(
  state: ImportState,
  node: Node,
  input: Activation,
  scale: Float32Array,
  shift: Float32Array,
): string {
  const name = freeName(state, [layerName(state, node)]);
  const layer: Layer = { kind: 'affine', name, inputs: [input.layer] };
  addLayer(state, node, layer);
  state.parameters.set(`${name}.weight`, scale);
  state.parameters.set(`${name}.bias`, shift);
  return name;
}

/** A constant's sizes, with those of 1 behind it that the first version of operators left out. */
function spreadFrom(state: ImportState, node: Node, input: Activation, dims: readonly number[]): readonly number[] {
  if (state.opset >= 7) return dims;
  const axis = integerAttribute(node, 'axis', input.view.length - dims.length);
  if (integerAttribute(node, 'broadcast', 0) === 0 && dims.length !== input.view.length) {
    throw malformed(`${node.place}, broadcast`, '1, for shapes of several lengths', '0');
  }
  return [...dims, ...Array<number>(Math.max(0, input.view.length - axis - dims.length)).fill(1)];
}

/**
 * A constant as one number for each channel of an activation, which may have to become a row for it.
 *
 * @throws UnsupportedError where it has other numbers for other pixels
 */
export function channelValues(
  state: ImportState,
  node: Node,
  given: Activation,
  { dims, values }: { readonly dims: readonly number[]; readonly values: ArrayLike<number> },
): { readonly input: Activation; readonly values: Float32Array } {
  const rank = given.view.length;
  const missing = rank - dims.length;
  const axes = dims.flatMap((size, axis) => (size === 1 ? [] : [axis + missing]));
  const [axis] = axes;
  const expected = `a number, or one for each channel of ${sizesText(state, given)}`;
  if (dims.length > rank || axes.length > 1) throw constantRefusal(state, node, given, expected, dims);
  if (axis === undefined) {
    return { input: given, values: fill(shapeOf(state, given)[3], values[0]!) };
  }
  const size = dims[axis - missing]!;
  const isRow = axis === 1 && rank === 2 && channelAxis(given.view, shapeOf(state, given)) !== 1;
  const input = isRow && elementsOf(given.view[1]!) === size ? rowOf(state, node, given) : given;
  const shape: Shape = shapeOf(state, input);
  if (axis === channelAxis(input.view, shape) && size === shape[3]) return { input, values: Float32Array.from(values) };
  throw constantRefusal(state, node, given, expected, dims);
}

function constantRefusal(
  state: ImportState,
  node: Node,
  given: Activation,
  expected: string,
  dims: readonly number[],
): Error {
  const sizes = sizesOf(state, given).toReversed();
  const others = dims.toReversed();
  const spreads = others.every((size, axis) => {
    const own = sizes[axis] ?? 1;
    return size === 1 || own === 1 || typeof own !== 'number' || own === size;
  });
  return (spreads ? unsupported : malformed)(`${node.place}, inputs`, expected, `a constant [${dims.slice(0, 8)}]`);
}

/** One number for each channel. */
export function fill(channels: number, value: number): Float32Array {
  if (channels > 2 ** 26) throw unsupported('channels', `at most ${2 ** 26} of one layer`, `${channels}`);
  return new Float32Array(channels).fill(value);
}
