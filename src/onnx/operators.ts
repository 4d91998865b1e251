import type { Layer } from '../graph/network.js';
import { floatAttribute, integerAttribute, integersAttribute, tensorAttribute } from './attributes.js';
import {
  importBatchNormalization,
  importConv,
  importGlobalPool,
  importPad,
  importPool,
  importReduceMean,
} from './convolutionOperators.js';
import {
  type Activation,
  activationOf,
  addLayer,
  constantOf,
  floatsInput,
  floatTensor,
  hasInput,
  type ImportState,
  imageSize,
  inputOf,
  integerTensor,
  layerName,
  setConstant,
  setOutput,
  setSizes,
  sizesInput,
  sizesOf,
} from './importState.js';
import { isStandard, malformed, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { importFlatten, importReshape, importSqueeze, importUnsqueeze } from './reshapes.js';
import { importGather, importShape } from './sizeOperators.js';
import { booleanOf, decimal } from './tensorValues.js';

/** What there is for an operator here. */
interface Operator {
  /** Inputs at most. */
  readonly inputs: number;
  readonly attributes: readonly string[];
  /** Adds a layer, or knows the output as a constant or as another tensor. */
  readonly run: (state: ImportState, node: Node) => void;
}

const none: readonly string[] = [];
const window = ['auto_pad', 'dilations', 'kernel_shape', 'pads', 'strides'];

const operators: Readonly<Record<string, Operator>> = {
  Add: { inputs: 2, attributes: none, run: importAdd },
  AveragePool: { inputs: 1, attributes: [...window, 'ceil_mode', 'count_include_pad'], run: importPool },
  BatchNormalization: {
    inputs: 5,
    attributes: ['epsilon', 'momentum', 'spatial', 'training_mode'],
    run: importBatchNormalization,
  },
  Clip: { inputs: 3, attributes: ['max', 'min'], run: importClip },
  Concat: { inputs: Number.POSITIVE_INFINITY, attributes: ['axis'], run: importConcat },
  Constant: { inputs: 0, attributes: ['value', 'value_float', 'value_int', 'value_ints'], run: importConstant },
  Conv: { inputs: 3, attributes: [...window, 'group'], run: importConv },
  Dropout: { inputs: 3, attributes: ['ratio', 'seed'], run: importDropout },
  Flatten: { inputs: 1, attributes: ['axis'], run: importFlatten },
  Gather: { inputs: 2, attributes: ['axis'], run: importGather },
  Gemm: { inputs: 3, attributes: ['alpha', 'beta', 'transA', 'transB'], run: importGemm },
  GlobalAveragePool: { inputs: 1, attributes: none, run: importGlobalPool },
  GlobalMaxPool: { inputs: 1, attributes: none, run: importGlobalPool },
  Identity: { inputs: 1, attributes: none, run: importIdentity },
  MaxPool: { inputs: 1, attributes: [...window, 'ceil_mode', 'storage_order'], run: importPool },
  Pad: { inputs: 4, attributes: ['mode', 'pads', 'value'], run: importPad },
  ReduceMean: { inputs: 2, attributes: ['axes', 'keepdims', 'noop_with_empty_axes'], run: importReduceMean },
  Relu: { inputs: 1, attributes: none, run: importRelu },
  Reshape: { inputs: 2, attributes: ['allowzero'], run: importReshape },
  Shape: { inputs: 1, attributes: ['end', 'start'], run: importShape },
  Softmax: { inputs: 1, attributes: ['axis'], run: importSoftmax },
  Squeeze: { inputs: 2, attributes: ['axes'], run: importSqueeze },
  Unsqueeze: { inputs: 2, attributes: ['axes'], run: importUnsqueeze },
};

/**
 * Does what a node says. Attributes that are not listed are refused: what they ask for would be left undone.
 *
 * @throws UnsupportedError for operators and combinations that there is no layer for, FormatError for a node that
 *   contradicts its operator
 */
export function importNode(state: ImportState, node: Node): void {
  const { domain, opType, input, attribute } = node.proto;
  const operator = isStandard(domain) && Object.hasOwn(operators, opType) ? operators[opType] : undefined;
  if (!operator) {
    const got = `${domain === '' ? '' : `${domain}.`}${opType}`.slice(0, 100);
    throw unsupported(node.place, `an operator of ${Object.keys(operators).join(', ')}`, got);
  }
  const { inputs, attributes, run } = operator;
  if (input.length > inputs) throw malformed(`${node.place}, inputs`, `at most ${inputs}`, `${input.length}`);
  const strange = attribute.find(({ name }) => !attributes.includes(name));
  if (strange) throw unsupported(node.place, `attributes of ${attributes.join(', ')}`, quoted(strange.name));
  run(state, node);
}

function importRelu(state: ImportState, node: Node): void {
  addSame(state, node, (name, input) => ({ kind: 'relu', name, inputs: [input.layer] }));
}

/** A layer that leaves the shape as it is. */
function addSame(state: ImportState, node: Node, layer: (name: string, input: Activation) => Layer): void {
  const input = activationOf(state, node, 0);
  addLayer(state, node, layer(layerName(state, node), input), input.flat);
}

function importClip(state: ImportState, node: Node): void {
  const bound = (index: number, name: string, usual: number): number =>
    hasInput(node, index) ? numberInput(state, node, index) : floatAttribute(node, name, usual);
  const minimum = bound(1, 'min', Number.NEGATIVE_INFINITY);
  const maximum = bound(2, 'max', Number.POSITIVE_INFINITY);
  if (minimum !== 0 || !(maximum > 0)) {
    throw unsupported(node.place, 'bounds of 0 and a positive number', `${minimum} and ${maximum}`);
  }
  // What exporters write for no bound is the largest float32.
  const isBound = maximum < 3.4e38;
  addSame(state, node, (name, input) => ({ kind: 'relu', name, inputs: [input.layer], ...(isBound && { maximum }) }));
}

/** A constant that is one number. */
function numberInput(state: ImportState, node: Node, index: number): number {
  const { values, place } = floatsInput(state, node, index);
  if (values.length === 1) return decimal(values[0]!);
  throw malformed(place, 'one number', `${values.length}`);
}

function importAdd(state: ImportState, node: Node): void {
  const inputs = [0, 1].map((index) => activationOf(state, node, index));
  const flat = requireAlike(state, node, inputs);
  addLayer(state, node, { kind: 'add', name: layerName(state, node), inputs: inputs.map(({ layer }) => layer) }, flat);
}

/** Of activations or, ahead of a Reshape, of sizes. */
function importConcat(state: ImportState, node: Node): void {
  const values = node.proto.input.map((_, index) => inputOf(state, node, index));
  if (values.some(({ kind }) => kind !== 'activation')) {
    setSizes(
      state,
      node,
      values.flatMap((_, index) => sizesInput(state, node, index)),
    );
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
  setOutput(state, node, inputOf(state, node, 0));
}

function importDropout(state: ImportState, node: Node): void {
  if (hasInput(node, 2)) {
    const { tensor, place } = constantOf(state, node, 2);
    if (booleanOf(tensor, place)) throw unsupported(`${node.place}, training_mode`, 'false', 'true');
  }
  setOutput(state, node, inputOf(state, node, 0));
}

function importConstant(state: ImportState, node: Node): void {
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
