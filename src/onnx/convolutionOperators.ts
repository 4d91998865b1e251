import type { BatchNormLayer, ConvolutionLayer, Pair, PoolLayer } from '../graph/network.js';
import { axesFrom, floatAttribute, integerAttribute, integersAttribute, textAttribute } from './attributes.js';
import {
  type Activation,
  activationOf,
  addLayer,
  floatsInput,
  hasInput,
  type ImportState,
  imageOf,
  imageSize,
  inputOf,
  integersInput,
  layerName,
  numberInput,
  paddedImageOf,
  rowOf,
  setOutput,
  sizesText,
} from './importState.js';
import { malformed, misfitting, quoted, unsupported } from './modelFile.js';
import type { Node } from './node.js';

const none: Pair = [0, 0];

/** Conv with constant filters over images. */
export function importConv(state: ImportState, node: Node): void {
  const { input, padding: around } = paddedImageOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  if (shape.length !== 4) throw malformed(place, '[K, C, R, S]', `[${shape}]`);
  const [outChannels, inChannels, ...kernel] = shape as [number, number, number, number];
  const groups = integerAttribute(node, 'group', 1);
  const { channels } = imageSize(state, input);
  if (inChannels * groups !== channels) {
    throw malformed(place, `filters of ${channels} channels in ${groups} groups`, `${inChannels} channels`);
  }
  const asked = integersAttribute(node, 'kernel_shape');
  if (asked && asked.join() !== kernel.join())
    throw malformed(`${node.place}, kernel_shape`, `[${kernel}]`, `[${asked}]`);
  const automatic = automaticPadding(node);
  if (automatic !== 'NOTSET' && integersAttribute(node, 'pads')) {
    throw malformed(`${node.place}, auto_pad`, 'NOTSET where there are pads', automatic);
  }
  const name = layerName(state, node, node.proto.input[1]);
  const { padding, ...window } = windowOf(state, node, input, kernel);
  requireOwnSizes(node, around);
  const layer: ConvolutionLayer = {
    kind: 'convolution',
    name,
    inputs: [input.layer],
    outChannels,
    ...window,
    padding: [padding[0] + around[0], padding[1] + around[1]],
    groups,
    bias: hasInput(node, 2),
    adjust: 'none',
  };
  addLayer(state, node, layer, false);
  state.parameters.set(`${name}.weight`, values);
  if (layer.bias) state.parameters.set(`${name}.bias`, vectorInput(state, node, 2, outChannels));
}

/** Padding by the images' size would have to know of that which a Pad has put around them. */
function requireOwnSizes(node: Node, around: Pair): void {
  const automatic = automaticPadding(node);
  if (!automatic.startsWith('SAME') || around.every((size) => size === 0)) return;
  throw unsupported(`${node.place}, auto_pad`, 'NOTSET behind a Pad', automatic);
}

/** BatchNormalization with the running statistics. */
export function importBatchNormalization(state: ImportState, node: Node): void {
  requireInference(state, node);
  const input = rowOf(state, activationOf(state, node, 0));
  const { channels } = imageSize(state, input);
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
  addLayer(state, node, layer, input.flat);
  state.parameters.set(`${name}.weight`, scale!);
  state.parameters.set(`${name}.bias`, shift!);
  state.parameters.set(`${name}.running_mean`, mean!);
  state.parameters.set(`${name}.running_var`, variance!);
}

/** Refuses what depends on the batch: before version 14, a norm is one for training where it has more than one output. */
function requireInference({ opset }: ImportState, node: Node): void {
  const training = integerAttribute(node, 'training_mode', 0);
  if (training !== 0) throw unsupported(`${node.place}, training_mode`, '0, running statistics', `${training}`);
  const outputs = node.proto.output.length;
  if (outputs > 1) {
    const refuse = opset < 14 ? unsupported : malformed;
    throw refuse(`${node.place}, outputs`, '1, by running statistics', `${outputs}, as in training`);
  }
  const spatial = integerAttribute(node, 'spatial', 1);
  if (spatial !== 1) throw unsupported(`${node.place}, spatial`, '1, a mean for each channel', `${spatial}`);
}

/** MaxPool and AveragePool. */
export function importPool(state: ImportState, node: Node): void {
  const isMax = node.proto.opType === 'MaxPool';
  // A maximum would see the zeros of a Pad, which its own padding does not have.
  const { input, padding: around } = isMax
    ? { input: imageOf(state, node, 0), padding: none }
    : paddedImageOf(state, node, 0);
  const kernel = integersAttribute(node, 'kernel_shape');
  if (!kernel) throw malformed(`${node.place}, kernel_shape`, 'two sizes', 'none');
  const { dilation, padding: own, ...window } = windowOf(state, node, input, kernel);
  if (dilation.join() !== '1,1') throw unsupported(`${node.place}, dilations`, '[1, 1]', `[${dilation}]`);
  requireOwnSizes(node, around);
  const isPadded = own.some((size) => size > 0);
  const isAround = around.some((size) => size > 0);
  if (isPadded && isAround) throw unsupported(`${node.place}, pads`, '0 behind a Pad', `[${own}]`);
  const padding = isAround ? around : own;
  // More would leave windows that hold nothing but padding.
  if (padding.some((size, axis) => 2 * size > kernel[axis]!)) {
    throw unsupported(`${node.place}, pads`, `at most half of kernel_shape [${kernel}]`, `[${padding}]`);
  }
  requireInside(state, node, input, { kernel, padding });
  const counts = isAround || integerAttribute(node, 'count_include_pad', 0) !== 0;
  const layer: PoolLayer = {
    kind: isMax ? 'maxPool' : 'meanPool',
    name: layerName(state, node),
    inputs: [input.layer],
    ...window,
    padding,
    ...(!isMax && isPadded && !counts && { countPadding: false }),
  };
  if (integerAttribute(node, 'ceil_mode', 0) !== 0) requireWholeWindows(state, node, input, layer);
  addLayer(state, node, layer, false);
}

/** Windows that are larger than the padded image have no output, or one of what is there. */
function requireInside(
  state: ImportState,
  node: Node,
  input: Activation,
  { kernel, padding }: { readonly kernel: readonly number[]; readonly padding: Pair },
): void {
  const { height, width } = imageSize(state, input);
  const padded = [height + 2 * padding[0], width + 2 * padding[1]];
  if (kernel.every((size, axis) => size <= padded[axis]!)) return;
  const refuse = state.isResized ? misfitting : unsupported;
  throw refuse(`${node.place}, kernel_shape`, `at most [${padded}], the padded image`, `[${kernel}]`);
}

/** Windows that reach beyond the padding, as `ceil_mode` has them, there are none of here. */
function requireWholeWindows(
  state: ImportState,
  node: Node,
  input: Activation,
  { kernel, stride, padding }: PoolLayer,
) {
  const { height, width } = imageSize(state, input);
  for (const [axis, size] of [height, width].entries()) {
    const rest = (size + 2 * padding[axis]! - (kernel as Pair)[axis]!) % stride[axis]!;
    if (rest === 0) continue;
    const got = `1 with ${rest} pixels left over at ${size}`;
    throw unsupported(`${node.place}, ceil_mode`, '0, or windows that fill the image', got);
  }
}

/** GlobalMaxPool, GlobalAveragePool, and ReduceMean over height and width. */
export function importGlobalPool(state: ImportState, node: Node): void {
  addGlobalPool(
    state,
    node,
    imageOf(state, node, 0),
    node.proto.opType === 'GlobalMaxPool' ? 'maxPool' : 'meanPool',
    false,
  );
}

export function importReduceMean(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const axes = (hasInput(node, 1) ? integersInput(state, node, 1) : integersAttribute(node, 'axes')) ?? [];
  const over = axesFrom(`${node.place}, axes`, axes, input.flat ? 2 : 4);
  if (axes.length === 0 && integerAttribute(node, 'noop_with_empty_axes', 0) !== 0) {
    setOutput(state, node, input);
    return;
  }
  if (input.flat || over.join() !== '2,3') {
    const got = `[${axes.length === 0 ? 'all' : axes}] of ${sizesText(state, input)}`;
    throw unsupported(`${node.place}, axes`, '[2, 3], height and width', got);
  }
  addGlobalPool(state, node, input, 'meanPool', integerAttribute(node, 'keepdims', 1) === 0);
}

function addGlobalPool(
  state: ImportState,
  node: Node,
  { layer }: Activation,
  kind: PoolLayer['kind'],
  flat: boolean,
): void {
  const window = { kernel: 'global', stride: [1, 1], padding: [0, 0] } as const;
  addLayer(state, node, { kind, name: layerName(state, node), inputs: [layer], ...window }, flat);
}

/** Pad with zeros around images; what reads the images takes it over. */
export function importPad(state: ImportState, node: Node): void {
  const mode = textAttribute(node, 'mode', 'constant');
  if (mode !== 'constant') throw unsupported(`${node.place}, mode`, 'constant', mode.slice(0, 80));
  const value = hasInput(node, 2) ? numberInput(state, node, 2) : floatAttribute(node, 'value', 0);
  if (value !== 0) throw unsupported(`${node.place}, value`, '0', `${value}`);
  const padded = inputOf(state, node, 0);
  if (padded.kind === 'activation' && padded.flat) {
    throw unsupported(`${node.place}, input 0`, '[N, C, H, W]', sizesText(state, padded));
  }
  const { input, padding: around } = paddedImageOf(state, node, 0);
  const [images, channels, top, left, imagesAfter, channelsAfter, bottom, right] = padsOf(state, node);
  const isOfPixels = [images, channels, imagesAfter, channelsAfter].every((size) => size === 0);
  if (!isOfPixels || Math.min(top, left, bottom, right) < 0) {
    const got = `[${[images, channels, top, left, imagesAfter, channelsAfter, bottom, right]}]`;
    throw unsupported(`${node.place}, pads`, 'pixels around images', got);
  }
  const padding: Pair = [around[0] + halfOf(node, [top, bottom]), around[1] + halfOf(node, [left, right])];
  const isNone = padding.every((size) => size === 0);
  setOutput(state, node, isNone ? input : { ...input, padding });
}

type Pads = readonly [number, number, number, number, number, number, number, number];

/** What a Pad puts ahead of and behind each axis: all ahead, then all behind. */
function padsOf(state: ImportState, node: Node): Pads {
  const given = (hasInput(node, 1) ? integersInput(state, node, 1) : integersAttribute(node, 'pads')) ?? [];
  const axes = hasInput(node, 3) ? integersInput(state, node, 3) : [0, 1, 2, 3];
  const isOnce = axesFrom(`${node.place}, axes`, axes, 4).length === axes.length;
  if (!isOnce) throw malformed(`${node.place}, axes`, 'every axis once', `[${axes.slice(0, 8)}]`);
  if (given.length !== 2 * axes.length) {
    throw malformed(`${node.place}, pads`, `${2 * axes.length} sizes`, `[${given.slice(0, 8)}]`);
  }
  const pads = Array<number>(8).fill(0);
  for (const [index, size] of given.entries()) {
    const axis = axes[index % axes.length]!;
    pads[(axis < 0 ? axis + 4 : axis) + (index < axes.length ? 0 : 4)] = size;
  }
  return pads as unknown as Pads;
}

/** A constant of one number a channel. */
export function vectorInput(state: ImportState, node: Node, index: number, length: number): Float32Array {
  const { shape, values, place } = floatsInput(state, node, index);
  if (shape.length === 1 && values.length === length) return values;
  throw malformed(place, `[${length}]`, `[${shape}]`);
}

function windowOf(state: ImportState, node: Node, input: Activation, kernel: readonly number[]) {
  const sizes = {
    kernel: pairOf(node, 'kernel_shape', kernel),
    stride: pairOf(node, 'strides', integersAttribute(node, 'strides') ?? [1, 1]),
    dilation: pairOf(node, 'dilations', integersAttribute(node, 'dilations') ?? [1, 1]),
  };
  return { ...sizes, padding: paddingOf(state, node, input, sizes) };
}

function pairOf({ place }: Node, name: string, sizes: readonly number[]): Pair {
  if (sizes.length === 2 && sizes.every((size) => size >= 1)) return [sizes[0]!, sizes[1]!];
  throw malformed(`${place}, ${name}`, 'two sizes of at least 1', `[${sizes.slice(0, 8)}]`);
}

function paddingOf(
  state: ImportState,
  node: Node,
  input: Activation,
  { kernel, stride, dilation }: { readonly kernel: Pair; readonly stride: Pair; readonly dilation: Pair },
): Pair {
  const automatic = automaticPadding(node);
  if (automatic === 'VALID') return [0, 0];
  const { height, width } = imageSize(state, input);
  if (automatic === 'SAME_UPPER' || automatic === 'SAME_LOWER') {
    return [height, width].map((size, axis) => {
      const outputs = Math.ceil(size / stride[axis]!);
      const reach = dilation[axis]! * (kernel[axis]! - 1) + 1;
      const total = Math.max(0, (outputs - 1) * stride[axis]! + reach - size);
      return halfOf(node, [Math.floor(total / 2), Math.ceil(total / 2)]);
    }) as unknown as Pair;
  }
  const pads = integersAttribute(node, 'pads') ?? [0, 0, 0, 0];
  if (pads.length !== 4 || !pads.every((size) => size >= 0)) {
    throw malformed(`${node.place}, pads`, 'four sizes from 0 up', `[${pads.slice(0, 8)}]`);
  }
  const [top, left, bottom, right] = pads as [number, number, number, number];
  return [halfOf(node, [top, bottom]), halfOf(node, [left, right])];
}

function automaticPadding(node: Node): string {
  const given = textAttribute(node, 'auto_pad', '') || 'NOTSET';
  if (!['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'].includes(given)) {
    throw malformed(`${node.place}, auto_pad`, 'NOTSET, VALID, SAME_UPPER or SAME_LOWER', quoted(given));
  }
  return given;
}

function halfOf({ place }: Node, [before, after]: Pair): number {
  if (before === after) return before;
  throw unsupported(`${place}, pads`, 'the same padding on both sides', `${before} and ${after}`);
}
