import { create } from '@bufbuild/protobuf';
import { type TensorProto, TensorProto_DataType, TensorProtoSchema } from 'onnx-buf';
import { ICError, ShapeError } from '../errors.js';
import type { Layer, Pair } from '../graph/network.js';
import { elementCount } from '../graph/parameters.js';
import { outputShape, type Shape } from '../graph/shapes.js';
import { malformed, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { floatsOf, integersOf, placeOfTensor, tensorShape } from './tensorValues.js';

/** The output of a layer, or the network's input. */
export interface Activation {
  readonly kind: 'activation';
  readonly layer: string;
  /** Whether the tensor is [N, C H W]; [N, C, H, W] otherwise. */
  readonly flat: boolean;
  /** Zeros that a Pad has put around the images; the convolution or mean that reads them takes them over. */
  readonly padding?: Pair;
}

/** A size of a tensor: a number, or the number of images, which is known only when the network runs. */
export type Size = number | 'batch';

/** What a tensor of the graph is to the network. */
export type Value =
  | Activation
  | { readonly kind: 'constant'; readonly tensor: TensorProto }
  /** Sizes of activations that the graph computes, as exporters have it ahead of a Reshape. */
  | { readonly kind: 'sizes'; readonly sizes: readonly Size[] }
  /** Nothing; the error is thrown where the tensor is needed. */
  | { readonly kind: 'refused'; readonly error: ICError };

/** A network on its way out of a graph. */
export interface ImportState {
  /** The file's name, for errors. */
  readonly file: string;
  readonly opset: number;
  /** The number of images, where the graph fixes it. */
  readonly batch: number | undefined;
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
    throw unsupported(`${node.place}, input ${index}`, 'a tensor that depends on the images', 'a constant');
  }
  if (value.padding) throw unsupported(`${node.place}, input ${index}`, 'images as they are', 'images of a Pad');
  return value;
}

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
  return { shape: tensorShape(tensor, place), values: floatsOf(tensor, place), place };
}

/** A constant of integers. */
export function integersInput(state: ImportState, node: Node, index: number): readonly number[] {
  const { tensor, place } = constantOf(state, node, index);
  return integersOf(tensor, place);
}

/** A list of sizes, constant or computed. */
export function sizesInput(state: ImportState, node: Node, index: number): readonly Size[] {
  const value = inputOf(state, node, index);
  return value.kind === 'sizes' ? value.sizes : integersInput(state, node, index);
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

/**
 * A name for a layer: that of its weights without the ending where they have one, else the node's or its output's. A
 * layer with weights of other names is called as the module in PyTorch whose exporter wrote its node.
 */
export function layerName(state: ImportState, { proto }: Node, weights?: string): string {
  const stem = /^(.+)\.weight$/s.exec(weights ?? '')?.[1] ?? '';
  const module = weights === undefined ? '' : moduleOf(proto.name);
  const output = proto.output[0]!;
  const isFree = (name: string): boolean => name !== '' && !state.shapes.has(name);
  const named = [stem, module, proto.name, output].find(isFree);
  if (named !== undefined) return named;
  let copy = 2;
  while (!isFree(`${output}.${copy}`)) copy++;
  return `${output}.${copy}`;
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
 * @throws FormatError where it does not fit its inputs
 */
export function addLayer(state: ImportState, node: Node, layer: Layer, flat: boolean): void {
  state.shapes.set(layer.name, shapeOf(state, node, layer));
  state.layers.push(layer);
  setOutput(state, node, { kind: 'activation', layer: layer.name, flat });
}

function shapeOf({ shapes }: ImportState, { place }: Node, layer: Layer): Shape {
  try {
    const shape = outputShape(layer, shapes);
    if (Number.isSafeInteger(4 * elementCount(shape))) return shape;
    throw malformed(place, 'an output that can be addressed', `[${shape}]`);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw malformed(`${place}, ${error.parameter}`, error.expected, error.got);
  }
}

/** Makes the node's first output a value. */
export function setOutput(state: ImportState, node: Node, value: Value): void {
  state.values.set(node.proto.output[0]!, value);
}

/** More than any tensor has: Concat doubles lists. */
const longestSizes = 64;

/** Sizes that a node makes. */
export function setSizes(state: ImportState, node: Node, sizes: readonly Size[]): void {
  if (sizes.length > longestSizes) throw unsupported(node.place, `at most ${longestSizes} sizes`, `${sizes.length}`);
  setOutput(state, node, { kind: 'sizes', sizes });
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

/** The error of a node's handler; whatever else went wrong is thrown. */
export function icErrorOf(error: unknown): ICError {
  if (error instanceof ICError) return error;
  throw error;
}
