import type { ActivationFunction, Layer } from '../../graph/network.js';
import { elementCount } from '../../graph/parameters.js';
import { usualSlopes } from '../../ops/activationFunctions.js';
import { floatAttribute, textAttribute } from '../attributes.js';
import type { Recognised } from '../formulas.js';
import {
  type Activation,
  activationOf,
  addLayer,
  constantOf,
  floatsInput,
  freeName,
  hasInput,
  type ImportState,
  inputOf,
  layerName,
  numberInput,
  setActivation,
  setOutput,
  shapeOf,
} from '../importState.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { tensorShape } from '../tensorValues.js';
import { addAffine, channelValues, fill } from './channelConstants.js';

/*
 * Functions of every element.
 */

export function importRelu(state: ImportState, node: Node): void {
  addFunction(state, node, activationOf(state, node, 0), { kind: 'relu' });
}

/** An operator that is an activation as it is. */
export function importFunction(name: ActivationFunction) {
  return (state: ImportState, node: Node): void => {
    addFunction(state, node, activationOf(state, node, 0), { kind: 'activation', function: name });
  };
}

export function importGelu(state: ImportState, node: Node): void {
  const approximation = textAttribute(node, 'approximate', 'none');
  if (approximation !== 'none') throw unsupported(`${node.place}, approximate`, 'none', approximation.slice(0, 80));
  importFunction('gelu')(state, node);
}

export function importLeakyRelu(state: ImportState, node: Node): void {
  const slope = unusual(finiteAttribute(node, 'alpha', 0.01), usualSlopes.leakyRelu);
  addFunction(state, node, activationOf(state, node, 0), { kind: 'activation', function: 'leakyRelu', ...slope });
}

/** A line between 0 and 1; where it is not at 1/2 for 0, inputs are moved there. */
export function importHardSigmoid(state: ImportState, node: Node): void {
  const slope = finiteAttribute(node, 'alpha', 0.2);
  const middle = finiteAttribute(node, 'beta', 0.5);
  const input = activationOf(state, node, 0);
  const fields = { kind: 'activation', function: 'hardSigmoid', ...unusual(slope, usualSlopes.hardSigmoid) } as const;
  if (middle === 0.5) addFunction(state, node, input, fields);
  else if (slope === 0) throw unsupported(`${node.place}, alpha`, 'a slope', '0');
  else between(state, node, input, fields, [1, (middle - 0.5) / slope], [1, 0]);
}

/** A slope, where it is not the usual one. */
function unusual(slope: number, usual: number): { readonly slope?: number } {
  return Math.fround(slope) === Math.fround(usual) ? {} : { slope };
}

function finiteAttribute(node: Node, name: string, usual: number): number {
  const value = floatAttribute(node, name, usual);
  if (Number.isFinite(value)) return value;
  throw malformed(`${node.place}, ${name}`, 'a finite number', `${value}`);
}

/** PRelu with one slope, or one a channel. */
export function importPRelu(state: ImportState, node: Node): void {
  const given = activationOf(state, node, 0);
  const { shape, values } = floatsInput(state, node, 1);
  // The first version has a slope a channel as a list.
  const isList = state.opset < 7 && shape.length === 1 && values.length > 1;
  const dims = isList ? [...shape, ...Array<number>(given.view.length - 2).fill(1)] : shape;
  const slopes = channelValues(state, node, given, { dims, values });
  const name = layerName(state, node, node.proto.input[1]);
  addLayer(state, node, { kind: 'prelu', name, inputs: [slopes.input.layer] });
  state.parameters.set(`${name}.weight`, slopes.values);
  setActivation(state, node, name, slopes.input.view);
}

/** A function that several nodes are, or one. */
export function addFunction(state: ImportState, node: Node, input: Activation, fields: Recognised): void {
  const name = layerName(state, node);
  addLayer(state, node, { ...fields, name, inputs: [input.layer] } as Layer);
  setActivation(state, node, name, input.view);
}

/** Clip to any bounds: from 0 a bounded ReLU, else one that is moved there and back. */
export function importClip(state: ImportState, node: Node): void {
  const bound = (index: number, name: string, usual: number): number =>
    hasInput(node, index) ? numberInput(state, node, index) : floatAttribute(node, name, usual);
  const minimum = bound(1, 'min', Number.NEGATIVE_INFINITY);
  const maximum = bound(2, 'max', Number.POSITIVE_INFINITY);
  clip(state, node, 0, minimum, maximum);
}

/** Max and Min of a tensor and a number. */
export function importExtreme(state: ImportState, node: Node): void {
  const values = node.proto.input.map((_, index) => inputOf(state, node, index));
  const constant = values.findIndex(({ kind }) => kind === 'constant');
  if (values.length === 1) {
    setOutput(state, node, values[0]!);
    return;
  }
  if (values.length > 2 || constant < 0 || elementsInput(state, node, constant) !== 1) {
    throw unsupported(`${node.place}, inputs`, 'a tensor and a number', 'tensors');
  }
  const bound = numberInput(state, node, constant);
  if (node.proto.opType === 'Max') clip(state, node, 1 - constant, bound, Number.POSITIVE_INFINITY);
  else clip(state, node, 1 - constant, Number.NEGATIVE_INFINITY, bound);
}

function elementsInput(state: ImportState, node: Node, index: number): number {
  const { tensor, place } = constantOf(state, node, index);
  return elementCount(tensorShape(tensor, place));
}

function clip(state: ImportState, node: Node, index: number, minimum: number, maximum: number): void {
  // What exporters write for no bound is the largest float32.
  const [isBelow, isAbove] = [minimum > -3.4e38, maximum < 3.4e38];
  if (Number.isNaN(minimum) || Number.isNaN(maximum)) throw malformed(`${node.place}, min and max`, 'numbers', 'NaN');
  const input = activationOf(state, node, index);
  if (!isBelow && !isAbove) {
    setOutput(state, node, input);
    return;
  }
  if (isBelow && isAbove && minimum >= maximum) {
    throw unsupported(`${node.place}, min and max`, 'a range', `${minimum} and ${maximum}`);
  }
  const shift = isBelow ? minimum : maximum;
  if (Math.abs(shift) > largestShift) {
    const expected = `0 and a number, or a bound from -${largestShift} to ${largestShift}, by which values are shifted`;
    throw unsupported(`${node.place}, min and max`, expected, `${minimum} and ${maximum}`);
  }
  if (isBelow) {
    const range = isAbove ? { maximum: maximum - minimum } : {};
    between(state, node, input, { kind: 'relu', ...range }, [1, -minimum], [1, minimum]);
  } else between(state, node, input, { kind: 'relu' }, [-1, maximum], [-1, maximum]);
}

/** A shift by it rounds values around 1 to 1.5e-5 of them. */
const largestShift = 256;

type Line = readonly [scale: number, shift: number];

/** A function with lines ahead of it and behind it, where these are more than nothing. */
function between(
  state: ImportState,
  node: Node,
  input: Activation,
  fields: Recognised,
  ahead: Line,
  behind: Line,
): void {
  const own = layerName(state, node);
  const isLine = ([scale, shift]: Line): boolean => scale !== 1 || shift !== 0;
  const line = (layer: string, [scale, shift]: Line): string => {
    const channels = shapeOf(state, { layer })[3];
    return addAffine(state, node, { ...input, layer }, fill(channels, scale), fill(channels, shift));
  };
  const moved = isLine(ahead) ? line(input.layer, ahead) : input.layer;
  const name = isLine(behind) ? freeName(state, [`${own}.bounded`]) : layerName(state, node);
  addLayer(state, node, { ...fields, name, inputs: [moved] } as Layer);
  setActivation(state, node, isLine(behind) ? line(name, behind) : name, input.view);
}
