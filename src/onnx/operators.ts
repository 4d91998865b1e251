import type { Layer } from '../graph/network.js';
import { floatAttribute, integerAttribute, integersAttribute, requireKnown, tensorAttribute } from './attributes.js';
import {
  importBatchNormalization,
  importConv,
  importGlobalPool,
  importPool,
  importReduceMean,
} from './convolutionOperators.js';
import {
  type Activation,
  activationOf,
  addLayer,
  floatsInput,
  floatTensor,
  hasInput,
  type ImportState,
  imageSize,
  inputOf,
  integersInput,
  integerTensor,
  layerName,
  setConstant,
  setOutput,
  sizesOf,
} from './importState.js';
import { isStandard, malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { importFlatten, importReshape, importSqueeze, importUnsqueeze } from './reshapes.js';
import { importGather, importShape } from './sizeOperators.js';

type Importer = (state: ImportState, node: Node) => void;

/** What becomes of a node of each operator. */
const importers: Readonly<Record<string, Importer>> = {
  Add: importAdd,
  AveragePool: importPool,
  BatchNormalization: importBatchNormalization,
  Clip: importClip,
  Concat: importConcat,
  Constant: importConstant,
  Conv: importConv,
  Dropout: importDropout,
  Flatten: importFlatten,
  Gather: importGather,
  Gemm: importGemm,
  GlobalAveragePool: importGlobalPool,
  GlobalMaxPool: importGlobalPool,
  Identity: importIdentity,
  MaxPool: importPool,
  ReduceMean: importReduceMean,
  Relu: importRelu,
  Reshape: importReshape,
  Shape: importShape,
  Softmax: importSoftmax,
  Squeeze: importSqueeze,
  Unsqueeze: importUnsqueeze,
};

/**
 * Does what a node says: adds a layer, or knows its output as a constant or as another tensor.
 *
 * @throws UnsupportedError for operators and combinations that there is no layer for, FormatError for a node that
 *   contradicts its operator
 */
export function importNode(state: ImportState, node: Node): void {
  const { domain, opType } = node.proto;
  const importer = isStandard(domain) && Object.hasOwn(importers, opType) ? importers[opType] : undefined;
  if (!importer) {
    const got = `${domain === '' ? '' : `${domain}.`}${opType}`.slice(0, 100);
    throw unsupported(node.place, `an operator of ${Object.keys(importers).join(', ')}`, got);
  }
  importer(state, node);
}

function importRelu(state: ImportState, node: Node): void {
  requireKnown(node, []);
  addSame(state, node, (name, input) => ({ kind: 'relu', name, inputs: [input.layer] }));
}

/** A layer that leaves the shape as it is. */
function addSame(state: ImportState, node: Node, layer: (name: string, input: Activation) => Layer): void {
  const input = activationOf(state, node, 0);
  addLayer(state, node, layer(layerName(state, node), input), input.flat);
}

function importClip(state: ImportState, node: Node): void {
  requireKnown(node, ['min', 'max']);
  const bound = (index: number, name: string, none: number): number =>
    hasInput(node, index) ? floatsInput(state, node, index).values[0]! : floatAttribute(node, name, none);
  const [minimum, maximum] = [bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY)];
  if (minimum !== 0 || !(maximum > 0)) {
    throw unsupported(node.place, 'bounds of 0 and a positive number', `${minimum} and ${maximum}`);
  }
  // What exporters write for no bound is the largest float32.
  const isBound = maximum < 3.4e38;
  addSame(state, node, (name, input) => ({ kind: 'relu', name, inputs: [input.layer], ...(isBound && { maximum }) }));
}

function importAdd(state: ImportState, node: Node): void {
  requireKnown(node, []);
  const inputs = [0, 1].map((index) => activationOf(state, node, index));
  const flat = requireAlike(state, node, inputs);
  addLayer(state, node, { kind: 'add', name: layerName(state, node), inputs: inputs.map(({ layer }) => layer) }, flat);
}

/** Of activations or, ahead of a Reshape, of sizes. */
function importConcat(state: ImportState, node: Node): void {
  requireKnown(node, ['axis']);
  const values = node.proto.input.map((_, index) => inputOf(state, node, index));
  if (values.some(({ kind }) => kind !== 'activation')) {
    const sizes = values.flatMap((value, index) =>
      value.kind === 'sizes' ? value.sizes : integersInput(state, node, index),
    );
    setOutput(state, node, { kind: 'sizes', sizes });
    return;
  }
  const inputs = values as Activation[];
  const flat = inputs.every((input) => input.flat);
  const axis = integerAttribute(node, 'axis', 1);
  if ((axis < 0 ? axis + (flat ? 2 : 4) : axis) !== 1)
    throw unsupported(`${node.place}, axis`, '1, the channels', `${axis}`);
  requireAlike(state, node, inputs);
  if (flat && inputs.some((input) => imageSize(state, input).height * imageSize(state, input).width > 1)) {
    throw unsupported(node.place, 'images, or one pixel each', 'images that were flattened before');
  }
  addLayer(
    state,
    node,
    { kind: 'concat', name: layerName(state, node), inputs: inputs.map(({ layer }) => layer) },
    flat,
  );
}

/** Whether all are flat; some alone must not be. */
function requireAlike(state: ImportState, node: Node, inputs: readonly Activation[]): boolean {
  const [first] = inputs;
  const other = inputs.find(({ flat }) => flat !== first!.flat);
  if (!other) return first!.flat;
  const [expected, got] = [first!, other].map((value) => `[${sizesOf(state, value).join(', ')}]`);
  throw unsupported(node.place, `tensors alike, the first is ${expected}`, got!);
}

/** A dense layer. */
function importGemm(state: ImportState, node: Node): void {
  requireKnown(node, ['alpha', 'beta', 'transA', 'transB']);
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  if (alpha !== 1 || beta !== 1) throw unsupported(`${node.place}, alpha and beta`, '1', `${alpha} and ${beta}`);
  if (integerAttribute(node, 'transA', 0) !== 0) throw unsupported(`${node.place}, transA`, '0', '1');
  const input = activationOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  const { height, width, channels } = imageSize(state, input);
  const features = height * width * channels;
  const isTransposed = integerAttribute(node, 'transB', 0) !== 0;
  const [rows = 0, columns = 0] = isTransposed ? shape : shape.toReversed();
  if (!input.flat || shape.length !== 2 || columns !== features) {
    const got = `[${shape}] for [${sizesOf(state, input).join(', ')}]`;
    throw malformed(place, `a matrix of ${features} inputs to each output`, got);
  }
  const name = layerName(state, node, node.proto.input[1]);
  const bias = hasInput(node, 2) ? spread(state, node, 2, rows) : undefined;
  addLayer(
    state,
    node,
    { kind: 'dense', name, inputs: [input.layer], outFeatures: rows, bias: bias !== undefined },
    true,
  );
  state.parameters.set(`${name}.weight`, isTransposed ? values : transposed(values, columns, rows));
  if (bias) state.parameters.set(`${name}.bias`, bias);
}

/** One number for each output; a single one is for all. */
function spread(state: ImportState, node: Node, index: number, length: number): Float32Array {
  const { shape, values, place } = floatsInput(state, node, index);
  if (values.length === length && shape.at(-1) === length) return values;
  if (values.length === 1) return new Float32Array(length).fill(values[0]!);
  throw malformed(place, `[${length}]`, `[${shape}]`);
}

/** [rows, columns] -> [columns, rows] */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column]!;
  }
  return result;
}

function importSoftmax(state: ImportState, node: Node): void {
  requireKnown(node, ['axis']);
  const input = activationOf(state, node, 0);
  const { height, width } = imageSize(state, input);
  // Before version 13 everything from the axis on was one.
  const axis = integerAttribute(node, 'axis', state.opset < 13 ? 1 : -1);
  const rank = input.flat ? 2 : 4;
  const isChannels = (axis < 0 ? axis + rank : axis) === 1 && (state.opset >= 13 || height * width === 1);
  const isWhole = input.flat && height * width > 1;
  if (!isChannels || isWhole) throw unsupported(`${node.place}, axis`, 'a softmax of channels', `axis ${axis}`);
  addSame(state, node, (name, { layer }) => ({ kind: 'softmax', name, inputs: [layer] }));
}

function importIdentity(state: ImportState, node: Node): void {
  requireKnown(node, []);
  setOutput(state, node, inputOf(state, node, 0));
}

function importDropout(state: ImportState, node: Node): void {
  requireKnown(node, ['ratio', 'seed']);
  if (hasInput(node, 2)) {
    const { tensor } = inputOf(state, node, 2) as { tensor?: { rawData: Uint8Array; int32Data: number[] } };
    const isTraining = [...(tensor?.rawData ?? [1]), ...(tensor?.int32Data ?? [])].some((value) => value !== 0);
    if (isTraining) throw unsupported(`${node.place}, training_mode`, 'false', 'true, or computed');
  }
  setOutput(state, node, inputOf(state, node, 0));
}

function importConstant(state: ImportState, node: Node): void {
  requireKnown(node, ['value', 'value_int', 'value_ints', 'value_float']);
  const tensor = tensorAttribute(node, 'value');
  const integer = integerAttribute(node, 'value_int');
  const integers = integersAttribute(node, 'value_ints');
  const float = floatAttribute(node, 'value_float', Number.NaN);
  if (tensor) setConstant(state, node, tensor);
  else if (integer !== undefined) setConstant(state, node, integerTensor([], [integer]));
  else if (integers) setConstant(state, node, integerTensor([integers.length], integers));
  else if (!Number.isNaN(float)) setConstant(state, node, floatTensor([], [float]));
  else throw malformed(node.place, 'a value', 'none');
}
