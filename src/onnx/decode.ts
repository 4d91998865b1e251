import type { GraphProto } from 'onnx-buf';
import { ICError } from '../errors.js';
import type { Layer, Network } from '../graph/network.js';
import { inferShapes, type Shape } from '../graph/shapes.js';
import type { Normalisation } from '../io/dataset.js';
import { bringData, dataFiles } from './externalData.js';
import { graphInput } from './graphInput.js';
import { graphOutputs, outputNames } from './graphOutputs.js';
import { type ImportState, setOutput } from './importState.js';
import { readMetadata } from './metadata.js';
import { type ModelFile, malformed, parseModel, quoted, unsupported } from './modelFile.js';
import { type Node, nodeOf } from './node.js';
import { importNode } from './operators/operators.js';
import { operatorOf } from './signatures.js';
import { imageView, viewOf } from './views.js';

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
  /**
   * The tensor that the network is to end in, an output of the graph or any within it, or several of them; all outputs of the graph
   * where left out. The network's output is the first one.
   */
  readonly output?: string | readonly string[];
  /** The files beside the model that hold its weights, by the names that {@link onnxDataFiles} has. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

/** A network out of an ONNX file. */
export interface OnnxModel {
  /** The graph as layers. */
  readonly network: Network;
  /** The network's state by PyTorch's names and in its layouts, but for counters of batches. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** The layer of each output of the graph, or of each tensor that was asked for, by its name in the graph. */
  readonly outputs: ReadonlyMap<string, string>;
  /** What `encodeOnnx` put into the metadata. */
  readonly normalisation?: Normalisation;
  /** In the order of the logits, where the metadata have them. */
  readonly classNames?: readonly string[];
}

/**
 * Reads a convolutional network from an ONNX file of operator set 6 to 25: one input [batch, channels, height, width] in float32, or
 * [batch, height, width, channels] where a Transpose is the first that becomes of it. Which operators are read, and as which layers,
 * docs/onnx.md says; what does not depend on the images is computed. IC units that are written out become IC layers again.
 * Layers are called as their weights are, without `.weight`, or as their nodes. An output that is rows, [batch, elements], has them
 * in the file's order channels, height, width; one that is images is [batch, height, width, channels]. Of several outputs the first is
 * the network's, and the others are layers in it.
 *
 * @throws UnsupportedError for another operator, with its name and node, for uses of these that no layer has, and for inputs,
 *   types and weights of another kind; FormatError where the file is broken or contradicts itself: no protobuf, cut off, a
 *   cycle, other types, sizes or attributes than operators take, weights that are not finite; ShapeError for no bytes, where the
 *   size of the images in the options is none, or does not fit, and for an `output` that the graph has not
 */
export function decodeOnnx(bytes: Uint8Array, options: DecodeOnnxOptions = {}): OnnxModel {
  const { name = 'file.onnx', output, files = new Map() } = options;
  const file = parseModel(bytes, name);
  const { graph } = file;
  bringData(graph, name, files);
  const names = outputNames(graph, output);
  const { state, shape } = startOf(file, options, names, bytes.length);
  graph.node.forEach((proto, index) => {
    runNode(state, nodeOf(proto, index, name));
  });
  const { layers, outputs } = graphOutputs(state, names, output !== undefined);
  const [, height, width, channels] = shape;
  const network = { name: graph.name === '' ? 'onnx' : graph.name, input: { height, width, channels }, layers };
  requireWellFormed(network, name);
  const values = livingParameters(state, layers);
  return { network, values, outputs, ...readMetadata(file.model.metadataProps, network, name) };
}

/**
 * The names of the files beside a model that hold weights of it, relative to its folder.
 *
 * @throws as `decodeOnnx` does for a file that is no model
 */
export function onnxDataFiles(bytes: Uint8Array, name = 'file.onnx'): readonly string[] {
  return dataFiles(parseModel(bytes, name).graph);
}

function startOf(
  { name, graph, opset }: ModelFile,
  { input }: DecodeOnnxOptions,
  outputs: readonly string[],
  bytes: number,
): { readonly state: ImportState; readonly shape: Shape } {
  const images = graphInput(graph, name, input);
  const shape: Shape = [1, images.height, images.width, images.channels];
  const view = images.isChannelsLast ? viewOf(shape, ['batch', 'height', 'width', 'channels']) : imageView(shape);
  const state: ImportState = {
    file: name,
    opset,
    batch: images.batch,
    isResized: images.isResized,
    layers: [],
    shapes: new Map([['input', shape]]),
    parameters: new Map(),
    values: new Map([[images.name, { kind: 'activation', layer: 'input', view }]]),
    formulas: new Map(),
    producers: new Map(),
    uses: countUses(graph, outputs),
    budget: { elements: 2 ** 20 + bytes },
  };
  for (const tensor of graph.initializer) {
    // Nodes leave an input out by an empty name.
    if (tensor.name === '') throw malformed(`${name}, tensor`, 'a name', 'none');
    requireNew(state, tensor.name, name);
    state.values.set(tensor.name, { kind: 'constant', tensor });
  }
  return { state, shape };
}

function countUses({ node }: GraphProto, outputs: readonly string[]): Map<string, number> {
  const uses = new Map<string, number>();
  const names = [...node.flatMap(({ input }) => input), ...outputs];
  for (const name of names) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

/** What a node refuses is an error only where the network needs it. */
function runNode(state: ImportState, node: Node): void {
  const outputs = node.proto.output.filter((name) => name !== '');
  for (const name of outputs) requireNew(state, name, node.place);
  const error = errorOf(() => {
    if (node.proto.output[0] === '') operatorOf(node, state.opset);
    importNode(state, node);
  });
  const alone = unsupported(node.place, 'the use of its first output alone', 'another one');
  for (const [index, name] of node.proto.output.entries()) {
    if (name === '' || (!error && state.values.has(name))) continue;
    setOutput(state, node, { kind: 'refused', error: error ?? alone }, index);
  }
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
