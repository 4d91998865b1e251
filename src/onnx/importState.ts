import type { TensorProto } from 'onnx-buf';
import { type ICError, ShapeError } from '../errors.js';
import type { Layer } from '../graph/network.js';
import { elementCount } from '../graph/parameters.js';
import { outputShape, type Shape } from '../graph/shapes.js';
import type { Sides } from '../ops/windows.js';
import { dependsOnBatch, type NumberArray, type Size, tensorOf } from './fold/numberArrays.js';
import type { Formula } from './formulas.js';
import { malformed, misfitting, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { decimal, floatsOf, integersOf, numbersOf, placeOfTensor, tensorShape } from './tensorValues.js';
import { elementsOf, hasBatch, type View } from './views.js';

/** The output of a layer, or the network's input. */
export interface Activation {
  readonly kind: 'activation';
  readonly layer: string;
  /** How the graph sees it. */
  readonly view: View;
  /** Zeros that a Pad has put around the images; what reads them takes them over. */
  readonly padding?: Sides;
}

/** What a tensor of the graph is to the network. */
export type Value =
  | Activation
  | { readonly kind: 'constant'; readonly tensor: TensorProto }
  /** Sizes of activations that the graph computes, the number of images among them. */
  | { readonly kind: 'sizes'; readonly array: NumberArray }
  /** Nothing; the error is thrown where the tensor is needed. */
  | { readonly kind: 'refused'; readonly error: ICError };

/** A network on its way out of a graph. */
export interface ImportState {
  /** The file's name, for errors. */
  readonly file: string;
  readonly opset: number;
  /** The number of images, where the graph fixes it. */
  readonly batch: number | undefined;
  /** Whether the caller asked for images of another size than the graph has, or leaves open. */
  readonly isResized: boolean;
  readonly layers: Layer[];
  /** For one image. */
  readonly shapes: Map<string, Shape>;
  readonly parameters: Map<string, Float32Array>;
  readonly values: Map<string, Value>;
  /** What tensors are as functions of others, element by element. */
  readonly formulas: Map<string, readonly Formula[]>;
  /** The node that made each tensor. */
  readonly producers: Map<string, Node>;
  /** How often each tensor is read, as an input or as an output of the graph. */
  readonly uses: ReadonlyMap<string, number>;
  /** What constants that are computed may still hold. */
  readonly budget: { elements: number };
}

/** The tensor of a name. */
export function tensorValue(state: ImportState, name: string, place: string): Value {
  const value = state.values.get(name);
  if (!value) throw malformed(place, 'inputs that nodes ahead of it give', quoted(name));
  if (value.kind === 'refused') throw value.error;
  return value;
}

/** Whether a node has an input of this number; it may be left out by an empty name. */
export function hasInput({ proto }: Node, index: number): boolean {
  return (proto.input[index] ?? '') !== '';
}

export function inputOf(state: ImportState, node: Node, index: number): Value {
  if (!hasInput(node, index)) throw malformed(node.place, `an input ${index}`, 'none');
  return tensorValue(state, node.proto.input[index]!, node.place);
}

/** An input that depends on the images. */
export function activationOf(state: ImportState, node: Node, index: number): Activation {
  const value = inputOf(state, node, index);
  if (value.kind !== 'activation') {
    throw unsupported(`${node.place}, input ${index}`, described.activation, described[value.kind]);
  }
  if (value.padding) throw unsupported(`${node.place}, input ${index}`, 'images as they are', 'images of a Pad');
  return value;
}

/** What values are, for errors. */
export const described = {
  activation: 'a tensor that depends on the images',
  constant: 'a constant',
  sizes: 'sizes of tensors',
  refused: 'what is not read',
} as const satisfies Record<Value['kind'], string>;

/** An input that is a constant, with its place. */
export function constantOf(state: ImportState, node: Node, index: number): { tensor: TensorProto; place: string } {
  const value = inputOf(state, node, index);
  const name = node.proto.input[index]!;
  if (value.kind === 'constant') return { tensor: value.tensor, place: placeOfTensor(state.file, name) };
  throw unsupported(`${node.place}, input ${index}`, 'a constant', `${quoted(name)}, which is computed`);
}

/** A constant of floating-point numbers with its shape. */
export function floatsInput(state: ImportState, node: Node, index: number) {
  const { tensor, place } = constantOf(state, node, index);
  const values = floatsOf(tensor, place);
  if (values.length === 0) throw unsupported(place, 'at least one element', `[${tensor.dims}]`);
  return { shape: tensorShape(tensor, place), values, place };
}

/** A constant of one number a channel. */
export function vectorInput(state: ImportState, node: Node, index: number, length: number): Float32Array {
  const { shape, values, place } = floatsInput(state, node, index);
  if (shape.length === 1 && values.length === length) return values;
  throw malformed(place, `[${length}]`, `[${shape}]`);
}

/** A constant that is one number, perhaps an infinite one. */
export function numberInput(state: ImportState, node: Node, index: number): number {
  const { tensor, place } = constantOf(state, node, index);
  const values = numbersOf(tensor, place);
  if (values.length === 1) return decimal(values[0]!);
  throw malformed(place, 'one number', `${values.length}`);
}

/** A constant of integers. */
export function integersInput(state: ImportState, node: Node, index: number): readonly number[] {
  const { tensor, place } = constantOf(state, node, index);
  return integersOf(tensor, place);
}

/** A list of sizes, computed or constant. */
export function sizesInput(state: ImportState, node: Node, index: number): readonly Size[] {
  const value = inputOf(state, node, index);
  const values = value.kind === 'sizes' ? Array.from(value.array.values) : integersInput(state, node, index);
  const dims = value.kind === 'sizes' ? value.array.dims : constantOf(state, node, index).tensor.dims;
  if (dims.length <= 1) return values;
  throw malformed(`${node.place}, input ${index}`, 'a list of sizes', `[${dims}]`);
}

/** The shape of the layer that an activation is of, for one image. */
export function shapeOf({ shapes }: ImportState, { layer }: Pick<Activation, 'layer'>): Shape {
  return shapes.get(layer)!;
}

/** The sizes of an activation as the graph sees it; none for an axis that joins an unknown number of images with others. */
export function sizesOf({ batch }: ImportState, { view }: Activation): readonly (Size | undefined)[] {
  return view.map((axis) => {
    const elements = elementsOf(axis);
    if (!hasBatch(axis)) return elements;
    if (batch !== undefined) return batch * elements;
    return elements === 1 ? 'batch' : undefined;
  });
}

/** The sizes of an activation as text. */
export function sizesText(state: ImportState, value: Activation): string {
  const sizes = value.view.map((axis) =>
    hasBatch(axis) && elementsOf(axis) > 1 ? `batch x ${elementsOf(axis)}` : undefined,
  );
  return `[${sizesOf({ ...state, batch: undefined }, value)
    .map((size, axis) => size ?? sizes[axis])
    .join(', ')}]`;
}

/** Sizes that do not fit: the file contradicts itself, unless it was the caller who asked for other images than it has. */
export function misfit({ isResized }: ImportState, parameter: string, expected: string, got: string): ICError {
  return (isResized ? misfitting : malformed)(parameter, expected, got);
}

/**
 * A name for a layer: that of its weights without the ending where they have one, else the node's or its output's. A
 * layer with weights of other names is called as the module in PyTorch whose exporter wrote its node.
 */
export function layerName(state: ImportState, { proto }: Node, weights?: string): string {
  const stem = /^(.+)\.weight$/s.exec(weights ?? '')?.[1] ?? '';
  const module = weights === undefined ? '' : moduleOf(proto.name);
  return freeName(state, [stem, module, proto.name, proto.output.find((name) => name !== '')!]);
}

/** The first of the names that no layer has, or the last one with a number. */
export function freeName({ shapes }: ImportState, names: readonly string[]): string {
  const isFree = (name: string): boolean => name !== '' && !shapes.has(name);
  const free = names.find(isFree);
  if (free !== undefined) return free;
  let copy = 2;
  while (!isFree(`${names.at(-1)}.${copy}`)) copy++;
  return `${names.at(-1)}.${copy}`;
}

/** `layer1.0.conv1` for a node `/layer1/layer1.0/conv1/Conv`; nothing for a name of another form. */
function moduleOf(node: string): string {
  if (!node.startsWith('/')) return '';
  const scopes = node.split('/').slice(1, -1);
  // A scope that goes on where the one ahead of it ends has that in its name.
  return scopes.filter((scope, index) => !scopes[index + 1]?.startsWith(`${scope}.`)).join('.');
}

/**
 * Adds a layer and returns its output's shape.
 *
 * @throws FormatError where it does not fit its inputs, or ShapeError as {@link misfit} has it; UnsupportedError for an
 *   output that is too large for any memory
 */
export function addLayer(state: ImportState, node: Node, layer: Layer): Shape {
  const shape = fittingShape(state, node, layer);
  state.shapes.set(layer.name, shape);
  state.layers.push(layer);
  return shape;
}

function fittingShape(state: ImportState, { place }: Node, layer: Layer): Shape {
  const shape = outputShapeOf(state, place, layer);
  if (Number.isSafeInteger(4 * elementCount(shape))) return shape;
  throw unsupported(place, 'an output that can be addressed', `[${shape}]`);
}

function outputShapeOf(state: ImportState, place: string, layer: Layer): Shape {
  try {
    return outputShape(layer, state.shapes);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw misfit(state, `${place}, ${error.parameter}`, error.expected, error.got);
  }
}

/** Makes an output of the node, the first one unless told, a value. */
export function setOutput(state: ImportState, { proto }: Node, value: Value, index = 0): void {
  const name = proto.output[index] ?? '';
  if (name !== '') state.values.set(name, value);
}

/** Makes an output of the node a layer's, as the graph sees it. */
export function setActivation(state: ImportState, node: Node, layer: string, view: View, index = 0): void {
  setOutput(state, node, { kind: 'activation', layer, view }, index);
}

/** Makes an output of the node numbers. */
export function setArray(state: ImportState, node: Node, array: NumberArray, index = 0): void {
  if (dependsOnBatch(array)) setOutput(state, node, { kind: 'sizes', array }, index);
  else setOutput(state, node, { kind: 'constant', tensor: tensorOf(array) }, index);
}
