import { ShapeError, UnsupportedError } from '../errors.js';
import { slopeOf } from '../ops/activationFunctions.js';
import { tensorBytes } from '../ops/plan.js';
import { type Precision, storedBytes } from '../ops/precision.js';
import { checkResponseNorm } from '../ops/responseNormSettings.js';
import { type ErrorPlace, poolOutputs, requireInteger, transposedOutputs, windowOutputs } from '../ops/windows.js';
import {
  type ActivationLayer,
  type AddLayer,
  type ConcatLayer,
  type ConvolutionLayer,
  type DenseLayer,
  isICUnit,
  type Layer,
  type LocalResponseNormLayer,
  type MultiplyLayer,
  type Network,
  type PoolLayer,
  type ReluLayer,
  type ShuffleLayer,
  type SliceLayer,
  type TransposedConvolutionLayer,
  type UnitLayer,
  type UpsampleLayer,
} from './network.js';

/** The shape of an activation, NHWC. */
export type Shape = readonly [batch: number, height: number, width: number, channels: number];

/**
 * The output shape of every layer, keyed by the layer's name, and that of the network's input under `input`. This is
 * also the check of a network: what passes here is well formed.
 *
 * @param batch - images in the batch
 * @throws ShapeError where a name, an input, a size or a shape does not fit: `operation` is the layer's kind,
 * `parameter` the layer's name and what is wrong with it, as in `conv1.groups`
 */
export function inferShapes(network: Network, batch: number): Map<string, Shape> {
  const { height, width, channels } = network.input;
  const place: ErrorPlace = { operation: 'inferShapes', prefix: '' };
  requireInteger(batch, 1, 'batch', place);
  requireInteger(height, 1, 'input.height', place);
  requireInteger(width, 1, 'input.width', place);
  requireInteger(channels, 1, 'input.channels', place);
  if (network.layers.length === 0) {
    throw new ShapeError({
      operation: 'inferShapes',
      parameter: 'layers',
      expected: 'at least one layer',
      got: 'none',
    });
  }
  const shapes = new Map([['input', exact([batch, height, width, channels], 'inferShapes', 'input')]]);
  for (const layer of network.layers) {
    if (shapes.has(layer.name)) throw layerError(layer, 'name', 'a name used once, and not `input`', layer.name);
    shapes.set(layer.name, exact(outputShape(layer, shapes), layer.kind, `${layer.name}.output`));
    if (layer.kind === 'softmax' && layer !== network.layers.at(-1)) {
      throw layerError(layer, 'name', 'a softmax as the last layer alone', layer.name);
    }
  }
  return shapes;
}

/** Beyond 2^53 bytes sizes are not exact, and no device holds so much. */
function exact(shape: Shape, operation: string, parameter: string): Shape {
  if (Number.isSafeInteger(tensorBytes(...shape))) return shape;
  throw new ShapeError({ operation, parameter, expected: 'less than 2^53 bytes', got: list(shape) });
}

/** Bytes of the two largest neighbouring activations: a layer's inputs together with its output, at most. */
export function largestNeighbours(
  { layers }: Network,
  shapes: ReadonlyMap<string, Shape>,
  precision: Precision = 'float32',
): number {
  const bytes = (name: string): number => storedBytes(precision, ...shapes.get(name)!);
  return Math.max(...layers.map(({ name, inputs }) => bytes(name) + Math.max(...inputs.map(bytes))));
}

/** The output shape of a layer whose inputs have their shapes; checks as {@link inferShapes}, but for the name. */
export function outputShape(layer: Layer, shapes: ReadonlyMap<string, Shape>): Shape {
  switch (layer.kind) {
    case 'convolution':
      return convolutionShape(layer, onlyInput(layer, shapes));
    case 'batchNorm':
    case 'softmax':
      return onlyInput(layer, shapes);
    case 'relu':
      return reluShape(layer, onlyInput(layer, shapes));
    case 'add':
      return addShape(layer, shapes);
    case 'concat':
      return concatShape(layer, shapes);
    case 'maxPool':
    case 'meanPool':
      return poolShape(layer, onlyInput(layer, shapes));
    case 'dense':
      return denseShape(layer, onlyInput(layer, shapes));
    case 'flatten':
      return flattenShape(onlyInput(layer, shapes));
    case 'activation':
      return activationShape(layer, onlyInput(layer, shapes));
    case 'prelu':
    case 'affine':
      return onlyInput(layer, shapes);
    case 'multiply':
      return multiplyShape(layer, shapes);
    case 'slice':
      return sliceShape(layer, onlyInput(layer, shapes));
    case 'shuffle':
      return shuffleShape(layer, onlyInput(layer, shapes));
    case 'upsample':
      return upsampleShape(layer, onlyInput(layer, shapes));
    case 'transposedConvolution':
      return transposedConvolutionShape(layer, onlyInput(layer, shapes));
    case 'localResponseNorm':
      return responseNormShape(layer, onlyInput(layer, shapes));
    default:
      return refuseKind(layer);
  }
}

function convolutionShape(layer: ConvolutionLayer, [batch, height, width, channels]: Shape): Shape {
  checkGroups(layer, channels);
  checkUnit(layer);
  return [batch, ...windowOutputs([height, width], layer, placeOf(layer)), layer.outChannels];
}

function checkGroups(layer: ConvolutionLayer | TransposedConvolutionLayer, channels: number): void {
  const place = placeOf(layer);
  const { outChannels, groups } = layer;
  requireInteger(outChannels, 1, 'outChannels', place);
  requireInteger(groups, 1, 'groups', place);
  if (channels % groups === 0 && outChannels % groups === 0) return;
  const expected = `a divisor of ${channels} input and ${outChannels} output channels`;
  throw layerError(layer, 'groups', expected, `${groups}`);
}

function transposedConvolutionShape(layer: TransposedConvolutionLayer, [batch, height, width, channels]: Shape): Shape {
  checkGroups(layer, channels);
  return [batch, ...transposedOutputs([height, width], layer, placeOf(layer)), layer.outChannels];
}

function activationShape(layer: ActivationLayer, input: Shape): Shape {
  slopeOf(layer.function, layer.slope, placeOf(layer));
  return input;
}

function multiplyShape(layer: MultiplyLayer, shapes: ReadonlyMap<string, Shape>): Shape {
  requireArity(layer, 2);
  const first = inputShape(layer, 0, shapes);
  const second = inputShape(layer, 1, shapes);
  const [batch, , , channels] = first;
  const fits = (shape: readonly number[]): boolean => shape.every((size, axis) => size === second[axis]);
  if (fits(first) || fits([batch, 1, 1, channels])) return first;
  throw layerError(layer, 'inputs', `${list(first)}, as the first, or ${list([batch, 1, 1, channels])}`, list(second));
}

function sliceShape(layer: SliceLayer, [batch, height, width, channels]: Shape): Shape {
  requireInteger(layer.start, 0, 'start', placeOf(layer));
  requireInteger(layer.channels, 1, 'channels', placeOf(layer));
  if (layer.start + layer.channels <= channels) return [batch, height, width, layer.channels];
  const got = `${layer.start} to ${layer.start + layer.channels}`;
  throw layerError(layer, 'channels', `some of the input's ${channels} channels`, got);
}

function shuffleShape(layer: ShuffleLayer, input: Shape): Shape {
  requireInteger(layer.groups, 1, 'groups', placeOf(layer));
  if (input[3] % layer.groups === 0) return input;
  throw layerError(layer, 'groups', `a divisor of ${input[3]} channels`, `${layer.groups}`);
}

function upsampleShape(layer: UpsampleLayer, [batch, height, width, channels]: Shape): Shape {
  for (const factor of layer.factor) requireInteger(factor, 1, 'factor', placeOf(layer));
  if (layer.alignCorners && layer.mode !== 'bilinear') {
    throw layerError(layer, 'alignCorners', 'none with nearest', 'true');
  }
  return [batch, height * layer.factor[0], width * layer.factor[1], channels];
}

function responseNormShape(layer: LocalResponseNormLayer, input: Shape): Shape {
  checkResponseNorm(layer, placeOf(layer));
  return input;
}

function poolShape(layer: PoolLayer, [batch, height, width, channels]: Shape): Shape {
  const kernel = layer.kernel === 'global' ? ([height, width] as const) : layer.kernel;
  const { stride, padding, ceilMode } = layer;
  if (layer.kernel === 'global' && padding.some((size) => size !== 0)) {
    throw layerError(layer, 'padding', '[0, 0] with a global kernel', list(padding));
  }
  return [batch, ...poolOutputs([height, width], { kernel, stride, padding, ceilMode }, placeOf(layer)), channels];
}

function denseShape(layer: DenseLayer, [batch]: Shape): Shape {
  requireInteger(layer.outFeatures, 1, 'outFeatures', placeOf(layer));
  checkUnit(layer);
  return [batch, 1, 1, layer.outFeatures];
}

function checkUnit(layer: UnitLayer): void {
  if (layer.offset && !isICUnit(layer)) throw layerError(layer, 'offset', 'none without adjust', 'true');
}

function flattenShape([batch, height, width, channels]: Shape): Shape {
  return [batch, 1, 1, height * width * channels];
}

function addShape(layer: AddLayer, shapes: ReadonlyMap<string, Shape>): Shape {
  requireArity(layer, 2);
  const first = inputShape(layer, 0, shapes);
  const second = inputShape(layer, 1, shapes);
  if (first.some((size, axis) => size !== second[axis])) {
    throw layerError(layer, 'inputs', `two equal shapes, the first is ${list(first)}`, list(second));
  }
  return first;
}

function concatShape(layer: ConcatLayer, shapes: ReadonlyMap<string, Shape>): Shape {
  if (layer.inputs.length === 0) throw layerError(layer, 'inputs', 'at least 1', '0');
  const inputs = layer.inputs.map((_, index) => inputShape(layer, index, shapes));
  const [batch, height, width] = inputs[0]!;
  const other = inputs.find((shape) => shape[1] !== height || shape[2] !== width);
  if (other) {
    const expected = `images of one size, the first is ${list([height, width])}`;
    throw layerError(layer, 'inputs', expected, list(other.slice(1, 3)));
  }
  return [batch, height, width, inputs.reduce((sum, shape) => sum + shape[3], 0)];
}

function reluShape(layer: ReluLayer, input: Shape): Shape {
  const { maximum } = layer;
  if (maximum === undefined || (maximum > 0 && Number.isFinite(maximum))) return input;
  throw layerError(layer, 'maximum', 'a positive number', String(maximum));
}

function onlyInput(layer: Layer, shapes: ReadonlyMap<string, Shape>): Shape {
  requireArity(layer, 1);
  return inputShape(layer, 0, shapes);
}

function inputShape(layer: Layer, index: number, shapes: ReadonlyMap<string, Shape>): Shape {
  const name = layer.inputs[index]!;
  const shape = shapes.get(name);
  if (!shape) throw layerError(layer, 'inputs', '`input` or the name of an earlier layer', name);
  return shape;
}

function requireArity(layer: Layer, count: number): void {
  if (layer.inputs.length === count) return;
  throw layerError(layer, 'inputs', `${count}`, `${layer.inputs.length}`);
}

/** Networks also come from files, where the types have not kept watch. */
function refuseKind(layer: never): never {
  const { name, kind } = layer as Layer;
  throw new UnsupportedError({
    operation: 'inferShapes',
    parameter: `${name}.kind`,
    expected: 'a kind of layer',
    got: String(kind),
  });
}

function layerError(layer: Layer, what: string, expected: string, got: string): ShapeError {
  return new ShapeError({ operation: layer.kind, parameter: `${layer.name}.${what}`, expected, got });
}

function placeOf(layer: Layer): ErrorPlace {
  return { operation: layer.kind, prefix: `${layer.name}.` };
}

function list(values: readonly number[]): string {
  return `[${values.join(', ')}]`;
}
