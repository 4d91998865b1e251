import type { TensorProto } from 'onnx-buf';
import type { Layer } from '../graph/network.js';
import {
  axesFrom,
  floatAttribute,
  floatsAttribute,
  integerAttribute,
  integersAttribute,
  tensorAttribute,
} from './attributes.js';
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
  misfit,
  numberInput,
  rowOf,
  type Size,
  setConstant,
  setOutput,
  sizesOf,
  sizesText,
} from './importState.js';
import { malformed, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';
import { importFlatten, importReshape, importSqueeze, importUnsqueeze } from './reshapes.js';
import { type OperatorName, operatorOf } from './signatures.js';
import { concatSizes, importGather, importShape } from './sizeOperators.js';
import { booleanOf } from './tensorValues.js';

/** Adds a layer, or knows the output as a constant or as another tensor. */
type Import = (state: ImportState, node: Node) => void;

const imports: Readonly<Record<OperatorName, Import>> = {
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
  Pad: importPad,
  ReduceMean: importReduceMean,
  Relu: importRelu,
  Reshape: importReshape,
  Shape: importShape,
  Softmax: importSoftmax,
  Squeeze: importSqueeze,
  Unsqueeze: importUnsqueeze,
};

/**
 * Does what a node says.
 *
 * @throws UnsupportedError for operators and combinations that there is no layer for, FormatError for a node that
 *   contradicts its operator
 */
export function importNode(state: ImportState, node: Node): void {
  imports[operatorOf(node, state.opset)](state, node);
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
  // What exporters write for no bound is the largest float32.
  const isBound = maximum < 3.4e38;
  if (minimum < -3.4e38 && !isBound) {
    importIdentity(state, node);
    return;
  }
  if (minimum !== 0 || !(maximum > 0)) {
    throw unsupported(`${node.place}, min and max`, '0 and a positive number', `${minimum} and ${maximum}`);
  }
  addSame(state, node, (name, input) => ({ kind: 'relu', name, inputs: [input.layer], ...(isBound && { maximum }) }));
}

function importAdd(state: ImportState, node: Node): void {
  const [left, right] = [0, 1].map((index) => activationOf(state, node, index)) as [Activation, Activation];
  requireAlike(state, node, left, right);
  // Rows that were images of one shape are added as they lie.
  const isOrdered = !left.flat || state.shapes.get(left.layer)!.join() === state.shapes.get(right.layer)!.join();
  const inputs = [left, right].map((value) => (isOrdered ? value : rowOf(state, value)).layer);
  addLayer(state, node, { kind: 'add', name: layerName(state, node), inputs }, left.flat);
}

/** Refuses a sum of tensors of several shapes. */
function requireAlike(state: ImportState, node: Node, left: Activation, right: Activation): void {
  const [first, second] = [left, right].map((value) => sizesOf(state, value)) as [readonly Size[], readonly Size[]];
  if (first.join() === second.join()) return;
  const [expected, got] = [`tensors of one shape, the first is [${first.join(', ')}]`, `[${second.join(', ')}]`];
  const others = second.toReversed();
  const spreads = first.toReversed().every((size, axis) => {
    const other = others[axis] ?? 1;
    return size === other || [size, other].some((one) => one === 1 || one === 'batch');
  });
  if (spreads) throw unsupported(`${node.place}, inputs`, expected, got);
  throw misfit(state, `${node.place}, inputs`, expected, got);
}

/** Of activations or, ahead of a Reshape, of sizes. */
function importConcat(state: ImportState, node: Node): void {
  const axis = integerAttribute(node, 'axis');
  if (axis === undefined) throw malformed(`${node.place}, axis`, 'an axis', 'none');
  const values = node.proto.input.map((_, index) => inputOf(state, node, index));
  if (values.every(({ kind }) => kind !== 'activation')) {
    concatSizes(state, node, axis);
    return;
  }
  const inputs = values.map((_, index) => activationOf(state, node, index));
  const { flat } = inputs[0]!;
  const other = inputs.find((input) => input.flat !== flat);
  if (other)
    throw malformed(`${node.place}, inputs`, `tensors like ${sizesText(state, inputs[0]!)}`, sizesText(state, other));
  if (axesFrom(`${node.place}, axis`, [axis], flat ? 2 : 4)[0] !== 1) {
    throw unsupported(`${node.place}, axis`, '1, the channels', `${axis} of ${sizesText(state, inputs[0]!)}`);
  }
  const layers = inputs.map((input) => rowOf(state, input).layer);
  addLayer(state, node, { kind: 'concat', name: layerName(state, node), inputs: layers }, flat);
}

/** A dense layer. */
function importGemm(state: ImportState, node: Node): void {
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = hasInput(node, 2) ? floatAttribute(node, 'beta', 1) : 1;
  if (alpha !== 1 || beta !== 1) throw unsupported(`${node.place}, alpha and beta`, '1', `${alpha} and ${beta}`);
  const turned = integerAttribute(node, 'transA', 0);
  if (turned !== 0) throw unsupported(`${node.place}, transA`, '0', `${turned}`);
  const input = activationOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  const { height, width, channels } = imageSize(state, input);
  const features = height * width * channels;
  const isTransposed = integerAttribute(node, 'transB', 0) !== 0;
  const [rows = 0, columns = 0] = isTransposed ? shape : shape.toReversed();
  const [expected, got] = [
    `a matrix of ${features} inputs to each output`,
    `[${shape}] for ${sizesText(state, input)}`,
  ];
  if (!input.flat || shape.length !== 2) throw malformed(place, expected, got);
  if (columns !== features) throw misfit(state, place, expected, got);
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
  const [images, outputs] = [1, 1, ...shape].slice(-2) as [number, number];
  if (shape.length > 2 || (outputs !== 1 && outputs !== length)) throw malformed(place, `[${length}]`, `[${shape}]`);
  if (images !== 1) throw unsupported(`${node.place}, input ${index}`, `[${length}] for all images`, `[${shape}]`);
  return outputs === length ? values : new Float32Array(length).fill(values[0]!);
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
  const isOld = state.opset < 13;
  const axis = integerAttribute(node, 'axis', isOld ? 1 : -1);
  const [from] = axesFrom(`${node.place}, axis`, [axis], input.flat ? 2 : 4);
  if (from !== 1 || (isOld && !input.flat && height * width > 1)) {
    const got = `axis ${axis} of ${sizesText(state, input)} in version ${state.opset}`;
    throw unsupported(`${node.place}, axis`, 'a softmax of channels', got);
  }
  const row = rowOf(state, input);
  addLayer(state, node, { kind: 'softmax', name: layerName(state, node), inputs: [row.layer] }, input.flat);
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
  const [attribute, ...more] = node.proto.attribute;
  if (!attribute || more.length > 0) throw malformed(node.place, 'one value', `${node.proto.attribute.length}`);
  const tensor = constantValue(node, attribute.name);
  if (!tensor) throw unsupported(node.place, 'numbers', quoted(attribute.name));
  setConstant(state, node, tensor);
}

/** The value of a Constant as a tensor, where it is of numbers. */
function constantValue(node: Node, name: string): TensorProto | undefined {
  switch (name) {
    case 'value':
      return tensorAttribute(node, name);
    case 'value_float':
      return floatTensor([], [floatAttribute(node, name, 0)]);
    case 'value_floats': {
      const values = floatsAttribute(node, name)!;
      return floatTensor([values.length], values);
    }
    case 'value_int':
      return integerTensor([], [integerAttribute(node, name, 0)]);
    case 'value_ints': {
      const values = integersAttribute(node, name)!;
      return integerTensor([values.length], values);
    }
    default:
      return undefined;
  }
}
