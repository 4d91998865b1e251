import type { BatchNormLayer, ConvolutionLayer, Pair, PoolLayer } from '../graph/network.js';
import { floatAttribute, integerAttribute, integersAttribute, textAttribute } from './attributes.js';
import {
  type Activation,
  activationOf,
  addLayer,
  floatsInput,
  hasInput,
  type ImportState,
  imageOf,
  imageSize,
  integersInput,
  layerName,
  paddedImageOf,
  setOutput,
} from './importState.js';
import { malformed, unsupported } from './modelFile.js';
import type { Node } from './node.js';

const none: Pair = [0, 0];

/** Conv with constant filters over images. */
export function importConv(state: ImportState, node: Node): void {
  const { input, padding: around } = paddedImageOf(state, node, 0);
  const { shape, values, place } = floatsInput(state, node, 1);
  if (shape.length !== 4) throw unsupported(place, 'filters of two dimensions', `${shape.length - 2}`);
  const [outChannels, inChannels, ...kernel] = shape as [number, number, number, number];
  const groups = integerAttribute(node, 'group', 1);
  const { channels } = imageSize(state, input);
  if (inChannels * groups !== channels) {
    throw malformed(place, `filters of ${channels} channels in ${groups} groups`, `${inChannels} channels`);
  }
  const asked = integersAttribute(node, 'kernel_shape');
  if (asked && asked.join() !== kernel.join())
    throw malformed(`${node.place}, kernel_shape`, `[${kernel}]`, `[${asked}]`);
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
  const automatic = textAttribute(node, 'auto_pad', 'NOTSET');
  if (!automatic.startsWith('SAME') || around.every((size) => size === 0)) return;
  throw unsupported(`${node.place}, auto_pad`, 'NOTSET behind a Pad', automatic);
}

/** BatchNormalization with the running statistics. */
export function importBatchNormalization(state: ImportState, node: Node): void {
  if (integerAttribute(node, 'training_mode', 0) !== 0) {
    throw unsupported(`${node.place}, training_mode`, '0: statistics that do not depend on the batch', '1');
  }
  if (integerAttribute(node, 'spatial', 1) !== 1) throw unsupported(`${node.place}, spatial`, '1', '0');
  const input = activationOf(state, node, 0);
  const { height, width, channels } = imageSize(state, input);
  if (input.flat && height * width > 1) {
    throw unsupported(node.place, 'a norm of channels', `one of the ${channels * height * width} elements of an image`);
  }
  const name = layerName(state, node, node.proto.input[1]);
  const layer: BatchNormLayer = {
    kind: 'batchNorm',
    name,
    inputs: [input.layer],
    epsilon: floatAttribute(node, 'epsilon', 1e-5),
    // ONNX's momentum is the share of what was there before.
    momentum: Number((1 - floatAttribute(node, 'momentum', 0.9)).toPrecision(6)),
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
  const counts = isAround || integerAttribute(node, 'count_include_pad', 0) !== 0;
  const layer: PoolLayer = {
    kind: isMax ? 'maxPool' : 'meanPool',
    name: layerName(state, node),
    inputs: [input.layer],
    ...window,
    padding: isAround ? around : own,
    ...(!isMax && isPadded && !counts && { countPadding: false }),
  };
  if (integerAttribute(node, 'ceil_mode', 0) !== 0) requireWholeWindows(state, node, input, layer);
  addLayer(state, node, layer, false);
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
    const got = `${rest} pixels left over at ${size}`;
    throw unsupported(`${node.place}, ceil_mode`, 'windows that fill the image', got);
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
  const input = imageOf(state, node, 0);
  const axes = hasInput(node, 1) ? integersInput(state, node, 1) : integersAttribute(node, 'axes');
  const over = axes?.map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (over?.join() !== '2,3')
    throw unsupported(`${node.place}, axes`, '[2, 3], height and width', `[${axes ?? 'all'}]`);
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
  if (hasInput(node, 3)) throw unsupported(`${node.place}, input 3`, 'padding of all axes', 'some axes');
  const value = hasInput(node, 2) ? floatsInput(state, node, 2).values[0] : floatAttribute(node, 'value', 0);
  if (value !== 0) throw unsupported(`${node.place}, value`, '0', `${value}`);
  const { input, padding: around } = paddedImageOf(state, node, 0);
  const pads = hasInput(node, 1) ? integersInput(state, node, 1) : (integersAttribute(node, 'pads') ?? []);
  if (pads.length !== 8) throw malformed(`${node.place}, pads`, 'eight sizes', `[${pads.slice(0, 8)}]`);
  const [images, channels, top = 0, left = 0, imagesAfter, channelsAfter, bottom = 0, right = 0] = pads;
  const isOfPixels = [images, channels, imagesAfter, channelsAfter].every((size) => size === 0);
  if (!isOfPixels || top < 0 || left < 0) throw unsupported(`${node.place}, pads`, 'pixels around images', `[${pads}]`);
  const padding: Pair = [around[0] + halfOf(node, [top, bottom]), around[1] + halfOf(node, [left, right])];
  const isNone = padding.every((size) => size === 0);
  setOutput(state, node, isNone ? input : { ...input, padding });
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
  const automatic = textAttribute(node, 'auto_pad', 'NOTSET');
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
  if (automatic !== 'NOTSET')
    throw malformed(`${node.place}, auto_pad`, 'NOTSET, VALID, SAME_UPPER or SAME_LOWER', automatic);
  const pads = integersAttribute(node, 'pads') ?? [0, 0, 0, 0];
  if (pads.length !== 4 || !pads.every((size) => size >= 0)) {
    throw malformed(`${node.place}, pads`, 'four sizes from 0 up', `[${pads.slice(0, 8)}]`);
  }
  const [top, left, bottom, right] = pads as [number, number, number, number];
  return [halfOf(node, [top, bottom]), halfOf(node, [left, right])];
}

function halfOf({ place }: Node, [before, after]: Pair): number {
  if (before === after) return before;
  throw unsupported(`${place}, pads`, 'the same padding on both sides', `${before} and ${after}`);
}
