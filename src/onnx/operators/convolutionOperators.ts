import type { BatchNormLayer, ConvolutionLayer, Pair, TransposedConvolutionLayer } from '../../graph/network.js';
import { shortestPadding } from '../../ops/windows.js';
import { floatAttribute, integerAttribute, integersAttribute } from '../attributes.js';
import {
  type Activation,
  activationOf,
  addLayer,
  floatsInput,
  hasInput,
  type ImportState,
  layerName,
  setActivation,
  shapeOf,
  vectorInput,
} from '../importState.js';
import { imageOf, paddedImageOf, rowOf } from '../materialise.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { channelAxis, imageView } from '../views.js';
import {
  automaticPadding,
  givenPadding,
  joinedPadding,
  paddingOf,
  sharedPadding,
  type Windows,
  windowsOf,
} from './windows.js';

/** Conv with constant filters over images. */
export function importConv(state: ImportState, node: Node): void {
  const { input, padding: around } = paddedImageOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  if (shape.length !== 4) throw malformed(place, '[K, C, R, S]', `[${shape}]`);
  const [outChannels, inChannels, ...kernel] = shape as [number, number, number, number];
  const groups = integerAttribute(node, 'group', 1);
  const [, height, width, channels] = shapeOf(state, input);
  if (inChannels * groups !== channels) {
    throw malformed(place, `filters of ${channels} channels in ${groups} groups`, `${inChannels} channels`);
  }
  requireKernel(node, kernel);
  const windows = windowsOf(node, kernel);
  const size: Pair = [height + around[0] + around[2], width + around[1] + around[3]];
  const name = layerName(state, node, node.proto.input[1]);
  const layer: ConvolutionLayer = {
    kind: 'convolution',
    name,
    inputs: [input.layer],
    outChannels,
    ...windows,
    padding: shortestPadding(joinedPadding(around, paddingOf(node, size, windows))),
    groups,
    bias: hasInput(node, 2),
    adjust: 'none',
  };
  setActivation(state, node, name, imageView(addLayer(state, node, layer)));
  state.parameters.set(`${name}.weight`, values);
  if (layer.bias) state.parameters.set(`${name}.bias`, vectorInput(state, node, 2, outChannels));
}

/** The attributes have to say what the filters do. */
function requireKernel(node: Node, kernel: readonly number[]): void {
  const asked = integersAttribute(node, 'kernel_shape');
  if (asked && asked.join() !== kernel.join())
    throw malformed(`${node.place}, kernel_shape`, `[${kernel}]`, `[${asked}]`);
  const automatic = automaticPadding(node);
  if (automatic !== 'NOTSET' && integersAttribute(node, 'pads')) {
    throw malformed(`${node.place}, auto_pad`, 'NOTSET where there are pads', automatic);
  }
}

/** ConvTranspose with constant filters over images. */
export function importConvTranspose(state: ImportState, node: Node): void {
  const input = imageOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  if (shape.length !== 4) throw malformed(place, '[C, K, R, S]', `[${shape}]`);
  const [inChannels, perGroup, ...kernel] = shape as [number, number, number, number];
  const groups = integerAttribute(node, 'group', 1);
  const channels = shapeOf(state, input)[3];
  if (inChannels !== channels) throw malformed(place, `filters of ${channels} channels`, `${inChannels} channels`);
  requireKernel(node, kernel);
  const windows = windowsOf(node, kernel);
  const name = layerName(state, node, node.proto.input[1]);
  const layer: TransposedConvolutionLayer = {
    kind: 'transposedConvolution',
    name,
    inputs: [input.layer],
    outChannels: perGroup * groups,
    ...windows,
    ...outputWindow(state, node, input, windows),
    groups,
    bias: hasInput(node, 2),
  };
  setActivation(state, node, name, imageView(addLayer(state, node, layer)));
  state.parameters.set(`${name}.weight`, values);
  if (layer.bias) state.parameters.set(`${name}.bias`, vectorInput(state, node, 2, layer.outChannels));
}

/** What a transposed convolution cuts off each side, and adds behind. */
function outputWindow(
  state: ImportState,
  node: Node,
  input: Activation,
  { kernel, stride, dilation }: Windows,
): Pick<TransposedConvolutionLayer, 'padding' | 'outputPadding'> {
  const given = integersAttribute(node, 'output_padding') ?? [0, 0];
  if (given.length !== 2 || given.some((size) => size < 0)) {
    throw malformed(`${node.place}, output_padding`, 'two sizes from 0 up', `[${given.slice(0, 8)}]`);
  }
  const [, height, width] = shapeOf(state, input);
  const size: Pair = [height, width];
  const spans = size.map(
    (length, axis) => (length - 1) * stride[axis]! + dilation[axis]! * (kernel[axis]! - 1) + 1 + given[axis]!,
  );
  const asked = askedOutput(node, size, stride);
  const totals = asked?.map((length, axis) => spans[axis]! - length);
  const isUpper = automaticPadding(node) === 'SAME_UPPER';
  const padding = totals
    ? sharedPadding(totals.map((total) => Math.max(0, total)) as unknown as Pair, isUpper)
    : givenPadding(node);
  // Where there is less than what is asked for, it is added.
  const added = given.map((length, axis) => length + Math.max(0, -(totals?.[axis] ?? 0)));
  if (added.every((length, axis) => length < Math.max(stride[axis]!, dilation[axis]!))) {
    return { padding: shortestPadding(padding), outputPadding: added as unknown as Pair };
  }
  const name = asked ? 'output_shape' : 'output_padding';
  throw unsupported(`${node.place}, ${name}`, 'to add less than the stride or the dilation', `[${added}]`);
}

/** The size that a transposed convolution is to make, where a node says that. */
function askedOutput(node: Node, size: Pair, stride: Pair): readonly number[] | undefined {
  const automatic = automaticPadding(node);
  const asked = integersAttribute(node, 'output_shape');
  if (asked && (asked.length !== 2 || asked.some((length) => length < 1))) {
    throw malformed(`${node.place}, output_shape`, 'two sizes of at least 1', `[${asked.slice(0, 8)}]`);
  }
  return asked ?? (automatic.startsWith('SAME') ? size.map((length, axis) => length * stride[axis]!) : undefined);
}

/** BatchNormalization with the running statistics. */
export function importBatchNormalization(state: ImportState, node: Node): void {
  requireInference(state, node);
  const given = activationOf(state, node, 0);
  const isOfChannels = channelAxis(given.view, shapeOf(state, given)) === 1;
  if (!isOfChannels && given.view.length !== 2) {
    throw unsupported(`${node.place}, input 0`, 'channels as the second axis', `${given.view.length} axes`);
  }
  const input = isOfChannels ? given : rowOf(state, node, given);
  const channels = shapeOf(state, input)[3];
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const momentum = floatAttribute(node, 'momentum', 0.9);
  if (!(epsilon > 0 && epsilon < Number.POSITIVE_INFINITY)) {
    throw unsupported(`${node.place}, epsilon`, 'a positive number', `${epsilon}`);
  }
  if (!(momentum >= 0 && momentum <= 1)) throw unsupported(`${node.place}, momentum`, '0 to 1', `${momentum}`);
  const name = layerName(state, node, node.proto.input[1]);
  const layer: BatchNormLayer = {
    kind: 'batchNorm',
    name,
    inputs: [input.layer],
    epsilon,
    // ONNX's momentum is the share of what was there before.
    momentum: Number((1 - momentum).toPrecision(6)),
  };
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((index) => vectorInput(state, node, index, channels));
  const negative = variance!.find((value) => value < 0);
  if (negative !== undefined) throw malformed(`${node.place}, input 4`, 'variances from 0 up', `${negative}`);
  addLayer(state, node, layer);
  setActivation(state, node, name, input.view);
  state.parameters.set(`${name}.weight`, scale!);
  state.parameters.set(`${name}.bias`, shift!);
  state.parameters.set(`${name}.running_mean`, mean!);
  state.parameters.set(`${name}.running_var`, variance!);
}

/** Refuses what depends on the batch: before version 14, a norm is one for training where it has more than one output. */
function requireInference({ opset }: ImportState, node: Node): void {
  const training = integerAttribute(node, 'training_mode', 0);
  if (training !== 0) throw unsupported(`${node.place}, training_mode`, '0, running statistics', `${training}`);
  if (opset < 7 && integerAttribute(node, 'is_test', 0) === 0) {
    throw unsupported(`${node.place}, is_test`, '1, running statistics', '0');
  }
  const outputs = node.proto.output.length;
  if (outputs > 1) {
    const refuse = opset < 14 ? unsupported : malformed;
    throw refuse(`${node.place}, outputs`, '1, by running statistics', `${outputs}, as in training`);
  }
  const spatial = integerAttribute(node, 'spatial', 1);
  if (spatial !== 1) throw unsupported(`${node.place}, spatial`, '1, a mean for each channel', `${spatial}`);
}
