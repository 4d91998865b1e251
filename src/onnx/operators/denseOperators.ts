import { floatAttribute, integerAttribute } from '../attributes.js';
import {
  type Activation,
  activationOf,
  addLayer,
  constantOf,
  floatsInput,
  hasInput,
  type ImportState,
  layerName,
  misfit,
  setActivation,
  shapeOf,
  sizesText,
} from '../importState.js';
import { orderText } from '../materialise.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { elementsOf, isOfWholes, isWhole, movedView, rowOrder, rowView, shortest } from '../views.js';

/** A dense layer. */
export function importGemm(state: ImportState, node: Node): void {
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = hasInput(node, 2) ? floatAttribute(node, 'beta', 1) : 1;
  for (const [name, value] of Object.entries({ alpha, beta })) {
    if (!Number.isFinite(value)) throw malformed(`${node.place}, ${name}`, 'a finite number', `${value}`);
  }
  const turned = integerAttribute(node, 'transA', 0);
  if (turned !== 0) throw unsupported(`${node.place}, transA`, '0', `${turned}`);
  const input = activationOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  const features = elementsOf(input.view.at(-1)!);
  const isTransposed = integerAttribute(node, 'transB', 0) !== 0;
  const [rows = 0, columns = 0] = isTransposed ? shape : shape.toReversed();
  const expected = `a matrix of ${features} inputs to each output`;
  const got = `[${shape}] for ${sizesText(state, input)}`;
  if (input.view.length !== 2 || shape.length !== 2) throw malformed(place, expected, got);
  if (columns !== features) throw misfit(state, place, expected, got);
  const weights = isTransposed ? values : transposed(values, columns, rows);
  const bias = hasInput(node, 2) && beta !== 0 ? spread(state, node, 2, rows) : undefined;
  addDense(state, node, input, scaled(weights, alpha), bias && scaled(bias, beta));
}

/** A product with a constant matrix: a dense layer of rows, a convolution of pixels whose channels are the last axis. */
export function importMatMul(state: ImportState, node: Node): void {
  constantOf(state, node, 1);
  const input = activationOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  const features = elementsOf(input.view.at(-1)!);
  const [inputs, outputs] = shape as [number, number];
  if (shape.length !== 2) throw unsupported(place, 'a matrix', `[${shape}]`);
  if (inputs !== features) throw misfit(state, place, `a matrix of ${features} inputs`, `[${shape}]`);
  const weights = transposed(values, inputs, outputs);
  if (input.view.length === 2) addDense(state, node, input, weights);
  else addPixelwise(state, node, input, weights, outputs);
}

/** @param weights [out, in], with `in` as the graph has them */
function addDense(state: ImportState, node: Node, input: Activation, weights: Float32Array, bias?: Float32Array): void {
  const { layer, view } = input;
  const shape = shapeOf(state, input);
  const [images, elements] = view as [(typeof view)[0], (typeof view)[0]];
  if (!isWhole(images, shape, 'batch')) {
    throw unsupported(`${node.place}, input 0`, 'a row an image', orderText(state, input));
  }
  const name = layerName(state, node, node.proto.input[1]);
  const outFeatures = weights.length / elementsOf(elements);
  const output = addLayer(state, node, { kind: 'dense', name, inputs: [layer], outFeatures, bias: bias !== undefined });
  const isOrdered = isWhole(elements, shape, 'channels', 'height', 'width');
  state.parameters.set(`${name}.weight`, isOrdered ? weights : reordered(weights, rowOrder(elements, shape)));
  if (bias) state.parameters.set(`${name}.bias`, bias);
  setActivation(state, node, name, rowView(output));
}

/** A convolution of single pixels. */
function addPixelwise(
  state: ImportState,
  node: Node,
  input: Activation,
  weights: Float32Array,
  outChannels: number,
): void {
  const { layer, view } = input;
  const shape = shapeOf(state, input);
  if (!isWhole(view.at(-1)!, shape, 'channels') || !isOfWholes(view, shape)) {
    throw unsupported(`${node.place}, input 0`, 'channels as the last axis', orderText(state, input));
  }
  const name = layerName(state, node, node.proto.input[1]);
  const output = addLayer(state, node, {
    kind: 'convolution',
    name,
    inputs: [layer],
    outChannels,
    kernel: [1, 1],
    stride: [1, 1],
    padding: [0, 0],
    dilation: [1, 1],
    groups: 1,
    bias: false,
    adjust: 'none',
  });
  state.parameters.set(`${name}.weight`, weights);
  const axes = movedView(
    view.slice(0, -1).map((axis) => shortest(axis)),
    output,
  );
  const channels = [{ dimension: 'channels', size: outChannels, stride: 1 }] as const;
  setActivation(state, node, name, [...axes, channels]);
}

function scaled(values: Float32Array, factor: number): Float32Array {
  return factor === 1 ? values : values.map((value) => value * factor);
}

/** Puts each column at its place. */
function reordered(weights: Float32Array, places: Uint32Array): Float32Array {
  const result = new Float32Array(weights.length);
  const columns = places.length;
  for (let index = 0; index < weights.length; index++) {
    const column = index % columns;
    result[index - column + places[column]!] = weights[index]!;
  }
  return result;
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
