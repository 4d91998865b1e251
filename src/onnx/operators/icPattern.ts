import { type ConvolutionLayer, type DenseLayer, isICUnit, type UnitLayer } from '../../graph/network.js';
import type { Shape } from '../../graph/shapes.js';
import { sidesOf } from '../../ops/windows.js';
import { integerAttribute, integersAttribute } from '../attributes.js';
import { addLayer, type ImportState, layerName, setActivation } from '../importState.js';
import type { Node } from '../node.js';
import { floatsOf, integersOf, placeOfTensor, tensorShape } from '../tensorValues.js';
import { imageView, rowView } from '../views.js';

/** What a recognised IC unit is made of. */
interface Unit {
  /** The plain convolution's or dense layer's node, and the layer that it has become. */
  readonly node: Node;
  readonly layer: UnitLayer;
  readonly adjust: 'output' | 'input';
  readonly weights: Float32Array;
  readonly offset?: Float32Array | undefined;
}

/**
 * Makes an IC unit of an Add that ends one: z + relu(z - a S + o), written out as `encodeOnnx` does it, and as PyTorch's
 * exporter does with the modules in docs/pytorch.md. Returns whether it was one.
 */
export function importICUnit(state: ImportState, node: Node): boolean {
  const unit = findUnit(state, node);
  if (!unit) return false;
  const { layer, adjust, weights, offset } = unit;
  const inputs = layer.bias ? ['weight', 'bias'] : ['weight'];
  const values = inputs.map((input) => [input, state.parameters.get(`${layer.name}.${input}`)!] as const);
  // The Sub and the Add read the plain layer; where nothing else does, it goes.
  const goes = state.uses.get(unit.node.proto.output[0]!) === 2;
  if (goes) removeLayer(state, layer.name);
  const name = goes ? layer.name : layerName(state, node);
  for (const [input, value] of values) state.parameters.set(`${name}.${input}`, value);
  state.parameters.set(`${name}.adjust`, weights);
  if (offset) state.parameters.set(`${name}.offset`, offset);
  const shape = addLayer(state, node, { ...layer, name, adjust, ...(offset && { offset: true }) } as UnitLayer);
  setActivation(state, node, name, layer.kind === 'dense' ? rowView(shape) : imageView(shape));
  return true;
}

function removeLayer(state: ImportState, name: string): void {
  const index = state.layers.findLastIndex((layer) => layer.name === name);
  state.layers.splice(index, 1);
  state.shapes.delete(name);
}

function findUnit(state: ImportState, { proto: { input } }: Node): Unit | undefined {
  for (const [z, rectified] of [input, input.toReversed()] as [string, string][]) {
    const excess = producerOf(state, rectified, 'Relu')?.proto.input[0];
    const node = producerOf(state, z, 'Conv') ?? producerOf(state, z, 'Gemm');
    const value = state.values.get(z);
    if (excess === undefined || !node || value?.kind !== 'activation') continue;
    const layer = state.layers.findLast(({ name }) => name === value.layer);
    if ((layer?.kind !== 'convolution' && layer?.kind !== 'dense') || isICUnit(layer)) continue;
    const shifted = byChannel(state, excess, 'Add', layer);
    const above = producerOf(state, shifted?.image ?? excess, 'Sub');
    if (above?.proto.input[0] !== z) continue;
    const [, threshold] = above.proto.input;
    const terms =
      layer.kind === 'dense' ? rowTerms(state, node, layer, threshold) : windowTerms(state, node, layer, threshold);
    return terms && { node, layer, ...terms, offset: shifted?.values };
  }
  return undefined;
}

/** @param threshold the tensor that is taken from the convolution: a S, or the S of a x */
function windowTerms(state: ImportState, node: Node, layer: ConvolutionLayer, threshold?: string) {
  const [input] = node.proto.input;
  const shape = state.shapes.get(layer.inputs[0]!)!;
  const scaled = byChannel(state, threshold, 'Mul', layer);
  if (scaled && windowSumsOf(state, scaled.image, layer, shape) === input) {
    return { adjust: 'output', weights: scaled.values } as const;
  }
  const source = byChannel(state, windowSumsOf(state, threshold, layer, shape), 'Mul', layer, shape[3]);
  return source?.image === input ? ({ adjust: 'input', weights: source!.values } as const) : undefined;
}

/** @param threshold the tensor that is taken from the dense layer: a S, S the sum of each row */
function rowTerms(state: ImportState, node: Node, layer: DenseLayer, threshold?: string) {
  const scaled = byChannel(state, threshold, 'Mul', layer);
  const sum = producerOf(state, scaled?.image, 'ReduceSum');
  const [row] = node.proto.input;
  const isOfRow = sum?.proto.input[0] === row && integerAttribute(sum!, 'keepdims', 1) !== 0;
  const axis = isOfRow && axisOf(state, sum!);
  return axis === 1 || axis === -1 ? ({ adjust: 'output', weights: scaled!.values } as const) : undefined;
}

/** What a Mul or an Add has beside an image, or rows, where that is one number a channel of a layer's output. */
function byChannel(
  state: ImportState,
  tensor: string | undefined,
  type: 'Mul' | 'Add',
  layer: UnitLayer,
  channels = layer.kind === 'dense' ? layer.outFeatures : layer.outChannels,
) {
  const axis = layer.kind === 'dense' ? 1 : 3;
  const inputs = producerOf(state, tensor, type)?.proto.input ?? [];
  if (inputs.length !== 2) return undefined;
  for (const [image, constant] of [inputs, inputs.toReversed()] as [string, string][]) {
    const value = state.values.get(constant);
    if (value?.kind !== 'constant') continue;
    const place = placeOfTensor(state.file, constant);
    const shape = tensorShape(value.tensor, place);
    const isByChannel =
      shape.length >= axis && shape.every((size, index) => size === (index === shape.length - axis ? channels : 1));
    if (isByChannel) return { image, values: floatsOf(value.tensor, place) };
  }
  return undefined;
}

/** The image whose sums over channels and windows, as a convolution has them, a tensor holds. */
function windowSumsOf(
  state: ImportState,
  tensor: string | undefined,
  layer: ConvolutionLayer,
  shape: Shape,
): string | undefined {
  const { groups, kernel, stride, padding } = layer;
  const window = producerOf(state, tensor, 'Conv');
  if (window && hasWindow(state, window, layer)) return channelSumsOf(state, window.proto.input[0], groups, shape);
  const isPixel = [...kernel, ...stride].every((size) => size === 1) && padding.every((size) => size === 0);
  return groups === 1 && isPixel ? channelSumsOf(state, tensor, groups, shape) : undefined;
}

/** Whether a convolution is with ones, over the windows of another one, from sums of groups to filters. */
function hasWindow(state: ImportState, node: Node, layer: ConvolutionLayer): boolean {
  const { groups, kernel, stride, padding, dilation, outChannels } = layer;
  const [, filters = ''] = node.proto.input;
  const value = state.values.get(filters);
  if (value?.kind !== 'constant' || node.proto.input.length > 2) return false;
  const place = placeOfTensor(state.file, filters);
  const sizes = (name: string, usual: readonly number[]) => (integersAttribute(node, name) ?? usual).join();
  return (
    node.proto.attribute.every(({ name, s }) => name !== 'auto_pad' || new TextDecoder().decode(s) === 'NOTSET') &&
    integerAttribute(node, 'group', 1) === groups &&
    sizes('strides', [1, 1]) === stride.join() &&
    sizes('dilations', [1, 1]) === dilation.join() &&
    sizes('pads', [0, 0, 0, 0]) === sidesOf(padding).join() &&
    tensorShape(value.tensor, place).join() === [groups === 1 ? 1 : outChannels, 1, ...kernel].join() &&
    floatsOf(value.tensor, place).every((one) => one === 1)
  );
}

/** The image whose sums over the channels of each group a tensor holds. */
function channelSumsOf(
  state: ImportState,
  tensor: string | undefined,
  groups: number,
  [, height, width, channels]: Shape,
): string | undefined {
  const sum = producerOf(state, tensor, 'ReduceSum');
  if (!sum) return groups === channels ? tensor : undefined;
  const [summed] = sum.proto.input;
  const keeps = integerAttribute(sum, 'keepdims', 1) !== 0;
  const axis = axisOf(state, sum);
  if (groups === 1) return keeps && (axis === 1 || axis === -3) ? summed : undefined;
  const split = producerOf(state, summed, 'Reshape');
  const sizes = split && listOf(state, split.proto.input[1]);
  const isSplit = sizes?.length === 5 && sizes[1] === groups && sizes[2] === channels / groups;
  // The file has its own height and width, whatever the caller asked for.
  if (!state.isResized && (sizes?.[3] !== height || sizes[4] !== width)) return undefined;
  return isSplit && !keeps && (axis === 2 || axis === -3) ? split?.proto.input[0] : undefined;
}

/** The axis of a sum over one. */
function axisOf(state: ImportState, sum: Node): unknown {
  const axes = integersAttribute(sum, 'axes') ?? listOf(state, sum.proto.input[1]);
  return axes?.length === 1 ? axes[0] : undefined;
}

function listOf(state: ImportState, tensor = ''): readonly unknown[] | undefined {
  const value = state.values.get(tensor);
  if (value?.kind === 'sizes') return Array.from(value.array.values);
  return value?.kind === 'constant' ? integersOf(value.tensor, placeOfTensor(state.file, tensor)) : undefined;
}

/** The node that made a tensor, where it is of this operator. */
function producerOf({ producers }: ImportState, tensor: string | undefined, type: string): Node | undefined {
  const node = producers.get(tensor ?? '');
  return node?.proto.opType === type && node.proto.output[0] === tensor ? node : undefined;
}
