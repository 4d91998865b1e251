import type { Layer } from '../graph/network.js';
import type { Shape } from '../graph/shapes.js';
import { integerAttribute } from './attributes.js';
import {
  type Activation,
  activationOf,
  addLayer,
  described,
  freeName,
  type ImportState,
  inputOf,
  layerName,
  misfit,
  setActivation,
  setOutput,
  shapeOf,
  sizesOf,
  sizesText,
  type Value,
} from './importState.js';
import { alike, rowOf } from './materialise.js';
import { malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { arrayOf } from './numberArrays.js';
import { placeOfTensor } from './tensorValues.js';
import { channelAxis, elementsOf, isSameView, isWhole } from './views.js';

/*
 * Sums, differences and products of tensors, and of tensors and constants.
 */

type Constant = Extract<Value, { kind: 'constant' }>;

/** Add, Sub, Mul and Div. */
export function importArithmetic(state: ImportState, node: Node): void {
  const values = [0, 1].map((index) => inputOf(state, node, index)) as [Value, Value];
  const constant = values.findIndex(({ kind }) => kind === 'constant');
  if (constant >= 0) {
    importWithConstant(state, node, values[constant] as Constant, constant);
    return;
  }
  const operands = [0, 1].map((index) => activationOf(state, node, index)) as [Activation, Activation];
  requireBroadcast(state, node, operands);
  switch (node.proto.opType) {
    case 'Add':
      importSum(state, node);
      break;
    case 'Sub':
      addUp(state, node, [operands[0], negative(state, node, operands[1])]);
      break;
    case 'Mul':
      importProduct(state, node, operands);
      break;
    default:
      throw unsupported(`${node.place}, input 1`, described.constant, described.activation);
  }
}

/** Add and Sum of any number of tensors. */
export function importSum(state: ImportState, node: Node): void {
  const values = node.proto.input.map((_, index) => activationOf(state, node, index));
  addUp(state, node, values);
}

function addUp(state: ImportState, node: Node, given: readonly Activation[]): void {
  for (const value of given.slice(1)) requireAlike(state, node, given[0]!, value);
  const [first, ...others] = alike(state, node, given) as [Activation, ...Activation[]];
  if (others.length === 0) {
    setOutput(state, node, first);
    return;
  }
  let sum = first.layer;
  for (const [index, { layer }] of others.entries()) {
    const own = layerName(state, node);
    const name = index === others.length - 1 ? own : freeName(state, [`${own}.${index + 1}`]);
    addLayer(state, node, { kind: 'add', name, inputs: [sum, layer] });
    sum = name;
  }
  setActivation(state, node, sum, first.view);
}

/** Refuses a sum of tensors of several shapes. */
function requireAlike(state: ImportState, node: Node, left: Activation, right: Activation): void {
  const [first, second] = [left, right].map((value) => sizesOf(state, value)) as [
    ReturnType<typeof sizesOf>,
    ReturnType<typeof sizesOf>,
  ];
  if (first.join() === second.join()) return;
  const expected = `tensors of one shape, the first is ${sizesText(state, left)}`;
  const got = sizesText(state, right);
  const others = second.toReversed();
  const spreads = first.toReversed().every((size, axis) => {
    const other = others[axis] ?? 1;
    return size === other || [size, other].some((one) => one === 1 || one === 'batch');
  });
  if (spreads) throw unsupported(`${node.place}, inputs`, expected, got);
  throw misfit(state, `${node.place}, inputs`, expected, got);
}

/** The first version of operators says by attributes whether and from which axis on the second input is repeated. */
function requireBroadcast(state: ImportState, node: Node, [left, right]: readonly [Activation, Activation]): void {
  if (state.opset >= 7 || integerAttribute(node, 'broadcast', 0) !== 0) return;
  requireAlike(state, node, left, right);
}

/** Minus a tensor. */
function negative(state: ImportState, node: Node, input: Activation): Activation {
  const channels = shapeOf(state, input)[3];
  const name = addAffine(state, node, input, fill(channels, -1), fill(channels, 0));
  return { ...input, layer: name };
}

/** A product of two tensors of one shape, or of images and a gate for each channel. */
function importProduct(state: ImportState, node: Node, operands: readonly [Activation, Activation]): void {
  const ordered = isGate(state, operands[0], operands[1]) ? operands.toReversed() : operands;
  const [input, gate] = ordered as [Activation, Activation];
  if (!isGate(state, gate, input)) {
    requireAlike(state, node, input, gate);
    const [left, right] = alike(state, node, [input, gate]) as [Activation, Activation];
    addProduct(state, node, left, right.layer);
  } else addProduct(state, node, input, gate.layer);
}

function addProduct(state: ImportState, node: Node, input: Activation, by: string): void {
  const name = layerName(state, node);
  addLayer(state, node, { kind: 'multiply', name, inputs: [input.layer, by] });
  setActivation(state, node, name, input.view);
}

/** Whether a tensor is one pixel with the channels of another one, on the axis that these have there. */
function isGate(state: ImportState, gate: Activation, input: Activation): boolean {
  const [shape, whole] = [shapeOf(state, gate), shapeOf(state, input)];
  const axis = channelAxis(input.view, whole);
  return (
    axis > 0 &&
    gate.view.length === input.view.length &&
    shape[1] * shape[2] === 1 &&
    whole[1] * whole[2] > 1 &&
    shape[3] === whole[3] &&
    isWhole(gate.view[0]!, shape, 'batch') &&
    isWhole(input.view[0]!, whole, 'batch') &&
    isWhole(gate.view[axis]!, shape, 'channels')
  );
}

/** What a constant does to each channel: x becomes `scale` x + `shift`. */
const effects: Readonly<
  Record<string, (value: number, isFirst: boolean) => readonly [scale: number, shift: number] | undefined>
> = {
  Add: (value) => [1, value],
  Sub: (value, isFirst) => (isFirst ? [-1, value] : [1, -value]),
  Mul: (value) => [value, 0],
  Div: (value, isFirst) => (isFirst ? undefined : [1 / value, 0]),
};

function importWithConstant(state: ImportState, node: Node, { tensor }: Constant, index: number): void {
  const given = activationOf(state, node, 1 - index);
  const place = placeOfTensor(state.file, node.proto.input[index]!);
  const array = arrayOf(tensor, place);
  if (array.type !== 'float') throw malformed(place, 'floating-point numbers', array.type);
  const dims = spreadFrom(state, node, given, array.dims);
  const { input, values } = channelValues(state, node, given, { dims, values: array.values as ArrayLike<number> });
  const pairs = Array.from(values, (value) => {
    const pair = effects[node.proto.opType]!(value, index === 0);
    if (pair?.every(Number.isFinite)) return pair;
    if (!pair) throw unsupported(`${node.place}, input 1`, described.constant, described.activation);
    throw malformed(place, 'numbers that leave outputs finite', `${value}`);
  });
  const scale = Float32Array.from(pairs, ([factor]) => factor);
  const shift = Float32Array.from(pairs, ([, summand]) => summand);
  scaleChannels(state, node, input, scale, shift);
}

/** Makes the node's output `scale` x + `shift` for each channel: nothing, a bias, or a layer of its own. */
export function scaleChannels(
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
  const source = activationName(state, node);
  const maker = state.producers.get(source)?.proto.opType ?? '';
  const index = state.layers.findLastIndex(({ name }) => name === layer);
  const made = state.layers[index];
  const isAlone = state.uses.get(source) === 1 && ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'].includes(maker);
  if (!isAlone || !made || !('bias' in made) || made.bias) return false;
  state.layers[index] = { ...made, bias: true };
  state.parameters.set(`${layer}.bias`, shift);
  return true;
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

/** Whether two activations are the same elements in the same order. */
export function isSameActivation(one: Activation, other: Activation): boolean {
  return one.layer === other.layer && isSameView(one.view, other.view);
}
