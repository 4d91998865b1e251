import { create } from '@bufbuild/protobuf';
import { type TensorProto, TensorProto_DataType, TensorProtoSchema } from 'onnx-buf';
import { type ICError, ShapeError } from '../errors.js';
import type { Layer, Pair } from '../graph/network.js';
import { elementCount } from '../graph/parameters.js';
import { outputShape, type Shape } from '../graph/shapes.js';
import { malformed, misfitting, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { decimal, floatsOf, integersOf, isOfIntegers, numbersOf, placeOfTensor, tensorShape } from './tensorValues.js';

/** The output of a layer, or the network's input. */
export interface Activation {
  readonly kind: 'activation';
  readonly layer: string;
  /** Whether the tensor is [N, C H W], in the order channels, height, width; [N, C, H, W] otherwise. */
  readonly flat: boolean;
  /** Zeros that a Pad has put around the images; the convolution or mean that reads them takes them over. */
  readonly padding?: Pair;
}

/** A size of a tensor: a number, or the number of images, which is known only when the network runs. */
export type Size = number | 'batch';

/** Sizes of activations that the graph computes, as exporters have it ahead of a Reshape. */
export interface Sizes {
  readonly kind: 'sizes';
  readonly sizes: readonly Size[];
  /** Of the tensor that holds them: 1 for a list, 0 for a single one. */
  readonly rank: number;
}

/** What a tensor of the graph is to the network. */
export type Value =
  | Activation
  | { readonly kind: 'constant'; readonly tensor: TensorProto }
  | Sizes
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
  /** The node that made each tensor. */
  readonly producers: Map<string, Node>;
  /** How often each tensor is read, as an input or as the output of the graph. */
  readonly uses: ReadonlyMap<string, number>;
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

/** An input [N, C, H, W] that depends on the images. */
export function imageOf(state: ImportState, node: Node, index: number): Activation {
  const value = activationOf(state, node, index);
  if (!value.flat) return value;
  throw malformed(`${node.place}, input ${index}`, '[N, C, H, W]', '[N, C]');
}

/** The same of a node that can take over what a Pad has put around the images. */
export function paddedImageOf(
  state: ImportState,
  node: Node,
  index: number,
): { readonly input: Activation; readonly padding: Pair } {
  const value = inputOf(state, node, index);
  if (value.kind !== 'activation' || !value.padding) return { input: imageOf(state, node, index), padding: [0, 0] };
  const { padding, ...input } = value;
  return { input, padding };
}

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

/** A size or a list of them, computed or constant. */
export function sizesInput(state: ImportState, node: Node, index: number): Sizes {
  const value = inputOf(state, node, index);
  if (value.kind === 'sizes') return value;
  const expected = 'sizes of tensors, or a list of integers';
  if (value.kind !== 'constant' || !isOfIntegers(value.tensor)) {
    throw unsupported(`${node.place}, input ${index}`, expected, described[value.kind]);
  }
  const place = placeOfTensor(state.file, node.proto.input[index]!);
  const shape = tensorShape(value.tensor, place);
  if (shape.length > 1) throw unsupported(`${node.place}, input ${index}`, expected, `integers [${shape}]`);
  return { kind: 'sizes', sizes: integersOf(value.tensor, place), rank: shape.length };
}

/** The height, width and channels of an activation. */
export function imageSize({ shapes }: ImportState, { layer }: Activation) {
  const [, height, width, channels] = shapes.get(layer)!;
  return { height, width, channels };
}

/** The sizes of an activation as the graph sees it. */
export function sizesOf(state: ImportState, value: Activation): readonly Size[] {
  const { height, width, channels } = imageSize(state, value);
  return value.flat ? ['batch', channels * height * width] : ['batch', channels, height, width];
}

/** The sizes of an activation as text. */
export function sizesText(state: ImportState, value: Activation): string {
  return `[${sizesOf(state, value).join(', ')}]`;
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
  const output = proto.output[0]!;
  return freeName(state, [stem, module, proto.name, output]);
}

/** The first of the names that no layer has, or the last one with a number. */
function freeName({ shapes }: ImportState, names: readonly string[]): string {
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
 * Adds a layer, which the node's first output then is.
 *
 * @throws FormatError where it does not fit its inputs, or ShapeError as {@link misfit} has it; UnsupportedError for an
 *   output that is too large for any memory
 */
export function addLayer(state: ImportState, node: Node, layer: Layer, flat: boolean): void {
  state.shapes.set(layer.name, shapeOf(state, node, layer));
  state.layers.push(layer);
  setOutput(state, node, { kind: 'activation', layer: layer.name, flat });
}

function shapeOf(state: ImportState, { place }: Node, layer: Layer): Shape {
  const shape = fittingShape(state, place, layer);
  if (Number.isSafeInteger(4 * elementCount(shape))) return shape;
  throw unsupported(place, 'an output that can be addressed', `[${shape}]`);
}

function fittingShape(state: ImportState, place: string, layer: Layer): Shape {
  try {
    return outputShape(layer, state.shapes);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw misfit(state, `${place}, ${error.parameter}`, error.expected, error.got);
  }
}

/**
 * A tensor whose elements lie in memory as the graph has them: a flat one of several pixels, which nodes like Gemm read as
 * it is, becomes a row by a layer of its own.
 */
export function rowOf(state: ImportState, value: Activation): Activation {
  const { height, width, channels } = imageSize(state, value);
  if (!value.flat || height * width === 1) return value;
  const known = state.layers.find(({ kind, inputs }) => kind === 'flatten' && inputs[0] === value.layer);
  const name = known?.name ?? freeName(state, [`${value.layer}.flatten`]);
  if (!known) state.layers.push({ kind: 'flatten', name, inputs: [value.layer] });
  state.shapes.set(name, [1, 1, 1, height * width * channels]);
  return { ...value, layer: name };
}

/** Makes the node's first output a value. */
export function setOutput(state: ImportState, node: Node, value: Value): void {
  state.values.set(node.proto.output[0]!, value);
}

/** More than any tensor has: Concat doubles lists. */
const longestSizes = 64;

/** Sizes that a node makes: a list, or with rank 0 a single one. */
export function setSizes(state: ImportState, node: Node, sizes: readonly Size[], rank = 1): void {
  if (sizes.length > longestSizes) throw unsupported(node.place, `at most ${longestSizes} sizes`, `${sizes.length}`);
  setOutput(state, node, { kind: 'sizes', sizes, rank });
}

/** A constant that a node makes. */
export function setConstant(state: ImportState, node: Node, tensor: TensorProto): void {
  setOutput(state, node, { kind: 'constant', tensor });
}

/** A tensor of 64-bit integers. */
export function integerTensor(dims: readonly number[], values: readonly number[]): TensorProto {
  const dataType = TensorProto_DataType.INT64;
  return create(TensorProtoSchema, { dataType, dims: dims.map(BigInt), int64Data: values.map(BigInt) });
}

/** A tensor of float32. */
export function floatTensor(dims: readonly number[], values: readonly number[]): TensorProto {
  const dataType = TensorProto_DataType.FLOAT;
  return create(TensorProtoSchema, { dataType, dims: dims.map(BigInt), floatData: [...values] });
}
