import { integerAttribute } from '../attributes.js';
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
} from '../importState.js';
import { alike } from '../materialise.js';
import { unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { channelAxis, isWhole } from '../views.js';
import { addAffine, fill, importWithConstant } from './channelConstants.js';

/*
 * Sums, differences and products of tensors.
 */

/** Add, Sub, Mul and Div, and Sum of two. */
export function importArithmetic(state: ImportState, node: Node): void {
  const values = [0, 1].map((index) => inputOf(state, node, index)) as [Value, Value];
  const constant = values.findIndex(({ kind }) => kind === 'constant');
  if (constant >= 0) {
    importWithConstant(state, node, values[constant] as Extract<Value, { kind: 'constant' }>, constant);
    return;
  }
  const operands = [0, 1].map((index) => activationOf(state, node, index)) as [Activation, Activation];
  requireBroadcast(state, node, operands);
  switch (node.proto.opType) {
    case 'Add':
    case 'Sum':
      addUp(state, node, operands);
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

/** Sum of any number of tensors. */
export function importSum(state: ImportState, node: Node): void {
  if (node.proto.input.length === 2) importArithmetic(state, node);
  else
    addUp(
      state,
      node,
      node.proto.input.map((_, index) => activationOf(state, node, index)),
    );
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
