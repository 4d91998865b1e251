import type { Pair, PoolLayer } from '../../graph/network.js';
import { type Sides, shortestPadding } from '../../ops/windows.js';
import { axesFrom, integerAttribute, integersAttribute } from '../attributes.js';
import {
  type Activation,
  activationOf,
  addLayer,
  hasInput,
  type ImportState,
  integersInput,
  layerName,
  setActivation,
  setOutput,
  shapeOf,
  sizesText,
} from '../importState.js';
import { imageOf, orderText, paddedImageOf } from '../materialise.js';
import { malformed, misfitting, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { imageView, movedView, pixelAxes, shortest, type View } from '../views.js';
import { isNeverNegative } from './signs.js';
import { isPadded, joinedPadding, paddingOf, type Windows, windowsOf } from './windows.js';

/** MaxPool and AveragePool. */
export function importPool(state: ImportState, node: Node): void {
  const kind = node.proto.opType === 'MaxPool' ? 'maxPool' : 'meanPool';
  const { input, padding: around } = paddedImageOf(state, node, 0);
  const kernel = integersAttribute(node, 'kernel_shape');
  if (!kernel) throw malformed(`${node.place}, kernel_shape`, 'two sizes', 'none');
  const { dilation, ...windows } = windowsOf(node, kernel);
  if (dilation.join() !== '1,1') throw unsupported(`${node.place}, dilations`, '[1, 1]', `[${dilation}]`);
  const [, height, width] = shapeOf(state, input);
  const size: Pair = [height + around[0] + around[2], width + around[1] + around[3]];
  const own = paddingOf(node, size, { ...windows, dilation });
  const counts = isCounted(state, node, input, kind, { own, around });
  const padding = joinedPadding(own, around);
  requireInside(state, node, input, { ...windows, dilation }, padding);
  const beyond = integerAttribute(node, 'ceil_mode', 0) !== 0 && reachesBeyond([height, width], windows, padding);
  const name = layerName(state, node);
  const layer: PoolLayer = {
    kind,
    name,
    inputs: [input.layer],
    ...windows,
    padding: shortestPadding(padding),
    ...(beyond && { ceilMode: true }),
    ...(kind === 'meanPool' && isPadded(padding) && !counts && { countPadding: false }),
  };
  setActivation(state, node, name, imageView(addLayer(state, node, layer)));
}

/** Whether what is around images is part of a mean. A maximum never sees it, which Pads have to be fine with. */
function isCounted(
  state: ImportState,
  node: Node,
  input: Activation,
  kind: PoolLayer['kind'],
  { own, around }: { readonly own: Sides; readonly around: Sides },
): boolean {
  const counts = integerAttribute(node, 'count_include_pad', 0) !== 0;
  if (!isPadded(around)) return counts;
  if (kind === 'maxPool' && !isNeverNegative(state, input.layer)) {
    const expected = 'images as they are, or none below 0';
    throw unsupported(`${node.place}, input 0`, expected, 'images of a Pad, which has zeros');
  }
  if (kind === 'meanPool' && isPadded(own) && !counts) {
    throw unsupported(`${node.place}, pads`, '0 behind a Pad, or count_include_pad 1', `[${own}]`);
  }
  return true;
}

/** Windows that are larger than the padded image have no output, or one of what is there; others have to hold some of it. */
function requireInside(
  state: ImportState,
  node: Node,
  input: Activation,
  { kernel, stride }: Windows,
  padding: Sides,
): void {
  const [, height, width] = shapeOf(state, input);
  const padded = [height + padding[0] + padding[2], width + padding[1] + padding[3]];
  const refuse = state.isResized ? misfitting : unsupported;
  if (!kernel.every((size, axis) => size <= padded[axis]!)) {
    throw refuse(`${node.place}, kernel_shape`, `at most [${padded}], the padded image`, `[${kernel}]`);
  }
  const isHeld = [height, width].every((size, axis) => {
    const last = Math.floor((padded[axis]! - kernel[axis]!) / stride[axis]!) * stride[axis]!;
    return padding[axis]! < kernel[axis]! && last < size + padding[axis]!;
  });
  if (!isHeld) throw refuse(`${node.place}, pads`, 'pixels of the image in every window', `[${padding}]`);
}

/** Whether pixels are left over behind the last window. */
function reachesBeyond(size: Pair, { kernel, stride }: Omit<Windows, 'dilation'>, padding: Sides): boolean {
  return size.some(
    (length, axis) => (length + padding[axis]! + padding[axis + 2]! - kernel[axis]!) % stride[axis]! > 0,
  );
}

/** GlobalMaxPool and GlobalAveragePool. */
export function importGlobalPool(state: ImportState, node: Node): void {
  const input = imageOf(state, node, 0);
  const kind = node.proto.opType === 'GlobalMaxPool' ? 'maxPool' : 'meanPool';
  addGlobalPool(state, node, input, kind, imageView);
}

/** ReduceMean and ReduceMax over height and width. */
export function importReduction(state: ImportState, node: Node): void {
  const input = activationOf(state, node, 0);
  const { view } = input;
  const axes = (hasInput(node, 1) ? integersInput(state, node, 1) : integersAttribute(node, 'axes')) ?? [];
  const over = axesFrom(`${node.place}, axes`, axes, view.length);
  if (axes.length === 0 && integerAttribute(node, 'noop_with_empty_axes', 0) !== 0) {
    setOutput(state, node, input);
    return;
  }
  const pixels = pixelAxes(view);
  const isOther = (axis: number): boolean => !pixels.includes(axis) && shortest(view[axis]!).length > 0;
  const isMissing = view.some((axis, index) => hasPixels(axis) && !over.includes(index));
  if (over.length === 0 || over.some(isOther) || isMissing) {
    const got = `[${axes.length === 0 ? 'all' : axes}] of ${orderText(state, input)}`;
    throw unsupported(`${node.place}, axes`, 'those of height and width', got);
  }
  const keeps = integerAttribute(node, 'keepdims', 1) !== 0;
  const kind = node.proto.opType === 'ReduceMax' ? 'maxPool' : 'meanPool';
  addGlobalPool(state, node, input, kind, (shape) =>
    movedView(view, shape).filter((_, axis) => keeps || !over.includes(axis)),
  );
}

function hasPixels(axis: View[number]): boolean {
  return shortest(axis).some(({ dimension }) => dimension === 'height' || dimension === 'width');
}

function addGlobalPool(
  state: ImportState,
  node: Node,
  { layer: input, view }: Activation,
  kind: PoolLayer['kind'],
  viewed: (shape: Parameters<typeof imageView>[0]) => View,
): void {
  const name = layerName(state, node);
  const window = { kernel: 'global', stride: [1, 1], padding: [0, 0] } as const;
  const shape = addLayer(state, node, { kind, name, inputs: [input], ...window });
  if (viewed(shape).length > view.length)
    throw malformed(node.place, '[N, C, H, W]', sizesText(state, { kind: 'activation', layer: input, view }));
  setActivation(state, node, name, viewed(shape));
}
