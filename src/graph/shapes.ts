import { ShapeError, UnsupportedError } from '../errors.js';
import { tensorBytes } from '../ops/plan.js';
import { type Precision, storedBytes } from '../ops/precision.js';
import { type ErrorPlace, requireInteger, windowOutputs } from '../ops/windows.js';
import type {
  AddLayer,
  ConcatLayer,
  ConvolutionLayer,
  DenseLayer,
  Layer,
  Network,
  PoolLayer,
  ReluLayer,
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
    default:
      return refuseKind(layer);
  }
}

function convolutionShape(layer: ConvolutionLayer, [batch, height, width, channels]: Shape): Shape {
  const place = placeOf(layer);
  const { outChannels, groups } = layer;
  requireInteger(outChannels, 1, 'outChannels', place);
  requireInteger(groups, 1, 'groups', place);
  if (channels % groups !== 0 || outChannels % groups !== 0) {
    const expected = `a divisor of ${channels} input and ${outChannels} output channels`;
    throw layerError(layer, 'groups', expected, `${groups}`);
  }
  return [batch, ...windowOutputs([height, width], layer, place), outChannels];
}

function poolShape(layer: PoolLayer, [batch, height, width, channels]: Shape): Shape {
  const kernel = layer.kernel === 'global' ? ([height, width] as const) : layer.kernel;
  const { stride, padding } = layer;
  const [outHeight, outWidth] = windowOutputs([height, width], { kernel, stride, padding }, placeOf(layer));
  if (layer.kernel === 'global' && (padding[0] !== 0 || padding[1] !== 0)) {
    throw layerError(layer, 'padding', '[0, 0] with a global kernel', list(padding));
  }
  // More would leave windows that hold nothing but padding.
  if (2 * padding[0] > kernel[0] || 2 * padding[1] > kernel[1]) {
    throw layerError(layer, 'padding', `at most half the kernel ${list(kernel)}`, list(padding));
  }
  return [batch, outHeight, outWidth, channels];
}

function denseShape(layer: DenseLayer, [batch]: Shape): Shape {
  requireInteger(layer.outFeatures, 1, 'outFeatures', placeOf(layer));
  return [batch, 1, 1, layer.outFeatures];
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
    expected: 'convolution, batchNorm, relu, add, concat, maxPool, meanPool, dense, flatten or softmax',
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
