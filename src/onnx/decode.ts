import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from 'onnx-buf';
import { ICError } from '../errors.js';
import type { Layer, Network } from '../graph/network.js';
import { inferShapes } from '../graph/shapes.js';
import type { Normalisation } from '../io/dataset.js';
import { importICUnit } from './icPattern.js';
import { described, type ImportState, rowOf, tensorValue } from './importState.js';
import { readMetadata } from './metadata.js';
import { type ModelFile, malformed, misfitting, parseModel, quoted, unsupported } from './modelFile.js';
import { type Node, nodeOf } from './node.js';
import { importNode } from './operators.js';
import { operatorOf } from './signatures.js';
import { typeRefusal } from './tensorValues.js';

/** How an ONNX file is read. */
export interface DecodeOnnxOptions {
  /** The file's name, for errors. */
  readonly name?: string;
  /** The size of the images, where the file leaves it open or the network is to run at another one. */
  readonly input?: {
    /** In pixels. */
    readonly height: number;
    /** In pixels. */
    readonly width: number;
  };
}

/** A network out of an ONNX file. */
export interface OnnxModel {
  /** The graph as layers. */
  readonly network: Network;
  /** The network's state by PyTorch's names and in its layouts, but for counters of batches. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** What `encodeOnnx` put into the metadata. */
  readonly normalisation?: Normalisation;
  /** In the order of the logits, where the metadata have them. */
  readonly classNames?: readonly string[];
}

/**
 * Reads a convolutional network from an ONNX file: one input [batch, channels, height, width] in float32, one output, and
 * between them Conv, BatchNormalization, Relu, Clip from 0, Add, Concat, MaxPool, AveragePool, GlobalMaxPool,
 * GlobalAveragePool, ReduceMean over height and width, Pad ahead of Conv and AveragePool, Flatten, Reshape to rows, Gemm,
 * Softmax at the end, Identity and Dropout. IC units that are written out become IC layers again. Layers are called as
 * their weights are, without `.weight`, or as their nodes. An output that is rows, [batch, elements], has them in the file's
 * order channels, height, width; one that is images is [batch, height, width, channels].
 *
 * @throws UnsupportedError for another operator, with its name and node, for uses of these that no layer has, and for inputs,
 *   types and weights of another kind; FormatError where the file is broken or contradicts itself: no protobuf, cut off, a
 *   cycle, other types, sizes or attributes than operators take, weights that are not finite; ShapeError for no bytes, and where
 *   the size of the images in the options is none, or does not fit
 */
export function decodeOnnx(bytes: Uint8Array, options: DecodeOnnxOptions = {}): OnnxModel {
  const { name = 'file.onnx' } = options;
  const file = parseModel(bytes, name);
  const { graph } = file;
  const state = startOf(file, options);
  graph.node.forEach((proto, index) => {
    runNode(state, nodeOf(proto, index, name));
  });
  const layers = livingLayers(state, graph);
  const [, height, width, channels] = state.shapes.get('input')!;
  const network = { name: graph.name === '' ? 'onnx' : graph.name, input: { height, width, channels }, layers };
  requireWellFormed(network, name);
  return { network, values: livingParameters(state, layers), ...readMetadata(file.model.metadataProps, network, name) };
}

function startOf(file: ModelFile, { input }: DecodeOnnxOptions): ImportState {
  const { name, graph, opset } = file;
  const constants = new Set(graph.initializer.map((tensor) => tensor.name));
  const inputs = graph.input.filter((value) => !constants.has(value.name));
  if (inputs.length !== 1) {
    const got = `${inputs.length}: ${inputs.slice(0, 8).map((value) => quoted(value.name))}`;
    throw unsupported(`${name}, graph input`, 'one', got);
  }
  const { batch, height, width, channels, isResized } = imageInput(inputs[0]!, name, input);
  const state: ImportState = {
    file: name,
    opset,
    batch,
    isResized,
    layers: [],
    shapes: new Map([['input', [1, height, width, channels]]]),
    parameters: new Map(),
    values: new Map([[inputs[0]!.name, { kind: 'activation', layer: 'input', flat: false }]]),
    producers: new Map(),
    uses: countUses(graph),
  };
  for (const tensor of graph.initializer) {
    // Nodes leave an input out by an empty name.
    if (tensor.name === '') throw malformed(`${name}, tensor`, 'a name', 'none');
    requireNew(state, tensor.name, name);
    state.values.set(tensor.name, { kind: 'constant', tensor });
  }
  return state;
}

/** The sizes of the network's input, as the graph and the caller say. */
function imageInput(info: ValueInfoProto, file: string, asked: DecodeOnnxOptions['input']) {
  const where = `${file}, graph input ${quoted(info.name)}`;
  const [batch, channels, fileHeight, fileWidth] = imageSizes(info, where);
  const { height = fileHeight, width = fileWidth } = asked ?? {};
  for (const [what, size] of Object.entries({ height: asked?.height, width: asked?.width })) {
    const isSize = size === undefined || (Number.isSafeInteger(size) && size >= 1);
    if (!isSize) throw misfitting(`input.${what}`, 'a size of at least 1', `${size}`);
  }
  for (const [what, size] of Object.entries({ channels, height, width })) {
    if (size === undefined) throw unsupported(`${where}, ${what}`, 'a number, in the file or the options', 'none');
    if (size < 1 || !Number.isSafeInteger(size))
      throw unsupported(`${where}, ${what}`, 'a size of at least 1', `${size}`);
  }
  const isResized = height !== fileHeight || width !== fileWidth;
  return { batch, channels: channels!, height: height!, width: width!, isResized };
}

/** The four sizes of images of float32, but for those that the file leaves open. */
function imageSizes({ name, type }: ValueInfoProto, where: string): readonly (number | undefined)[] {
  const kind = type?.value.case;
  if (name === '' || kind === undefined) throw malformed(where, 'a name and a type', 'none');
  if (type?.value.case !== 'tensorType') throw unsupported(where, 'a tensor', kind);
  const { elemType, shape } = type.value.value;
  if (elemType !== TensorProto_DataType.FLOAT) throw typeRefusal(where, 'FLOAT', elemType);
  // Some exporters write -1 for an open size.
  const sizes = (shape?.dim ?? []).map(({ value }) =>
    value.case === 'dimValue' && value.value >= 0n ? Number(value.value) : undefined,
  );
  if (sizes.length === 4) return sizes;
  const got = shape ? `${sizes.length}: [${sizes.slice(0, 8).map((size) => size ?? '?')}]` : 'none';
  throw unsupported(where, 'four sizes, [N, C, H, W]', got);
}

function countUses({ node, output }: GraphProto): Map<string, number> {
  const uses = new Map<string, number>();
  const names = [...node.flatMap(({ input }) => input), ...output.map(({ name }) => name)];
  for (const name of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

/** What a node refuses is an error only where the network needs it. */
function runNode(state: ImportState, node: Node): void {
  const [first = '', ...others] = node.proto.output;
  const outputs = [first, ...others].filter((name) => name !== '');
  for (const name of outputs) requireNew(state, name, node.place);
  const error = errorOf(() => {
    if (first === '') operatorOf(node, state.opset);
    else if (node.proto.opType !== 'Add' || !importICUnit(state, node)) importNode(state, node);
  });
  const refuse = (name: string, reason: ICError): void => {
    state.values.set(name, { kind: 'refused', error: reason });
  };
  if (error && first !== '') refuse(first, error);
  const alone = unsupported(node.place, 'the use of its first output alone', 'another one');
  for (const name of others) if (name !== '') refuse(name, error ?? alone);
  for (const name of outputs) state.producers.set(name, node);
}

function errorOf(work: () => void): ICError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof ICError) return error;
    throw error;
  }
}

function requireNew({ values }: ImportState, name: string, place: string): void {
  if (values.has(name)) throw malformed(place, 'every tensor once', `${quoted(name)} again`);
}

/** The layers that the output depends on, its own the last. */
function livingLayers(state: ImportState, { output }: GraphProto): readonly Layer[] {
  const where = `${state.file}, graph output`;
  if (output.length !== 1) throw unsupported(where, 'one', `${output.length}`);
  const given = tensorValue(state, output[0]!.name, where);
  const expected = 'what a layer makes of the images';
  if (given.kind !== 'activation') throw unsupported(where, expected, described[given.kind]);
  const value = rowOf(state, given);
  if (value.layer === 'input' || value.padding) throw unsupported(where, expected, 'the images themselves');
  const living = new Set([value.layer]);
  for (const { name, inputs } of state.layers.toReversed()) {
    if (living.has(name)) for (const input of inputs) living.add(input);
  }
  return state.layers.filter(({ name }) => living.has(name));
}

function livingParameters({ parameters }: ImportState, layers: readonly Layer[]): Map<string, Float32Array> {
  const living = new Set(layers.map(({ name }) => name));
  return new Map([...parameters].filter(([name]) => living.has(name.slice(0, name.lastIndexOf('.')))));
}

/** Layers were checked one by one; what is left is where a softmax may stand. */
function requireWellFormed(network: Network, file: string): void {
  const early = network.layers.slice(0, -1).find(({ kind }) => kind === 'softmax');
  if (early) throw unsupported(`${file}, node ${quoted(early.name)} (Softmax)`, 'a softmax as the last layer', 'more');
  inferShapes(network, 1);
}
