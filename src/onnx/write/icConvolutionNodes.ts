import type { ConvolutionLayer, DenseLayer, UnitLayer } from '../../graph/network.js';
import { sidesOf } from '../../ops/windows.js';
import { type GraphBuilder, integer, integers } from './graphBuilder.js';
import { sizes } from './nodeTensors.js';

/** Where an IC convolution's nodes go: its layer, and the tensors and names they use. */
export interface ICConvolutionNodes {
  readonly layer: ConvolutionLayer;
  /** [N, C, H, W] */
  readonly input: string;
  readonly inputSize: { readonly channels: number; readonly height: number; readonly width: number };
  /** The output of the plain convolution, [N, K, P, Q]. */
  readonly convolved: string;
  /** The name of the result. */
  readonly output: string;
}

/**
 * y = z + relu(z - a S) out of standard operators, z being there already:
 *
 * - the sums over the channels of each group, of x, or of a x where `a` belongs to input channels
 * - S, their sums over the window, by a convolution with ones: it gives one channel for all filters where there is one
 *   group, and else the sum of its group to every filter
 * - Mul by a where it belongs to filters, Sub, Add of an offset, Relu, Add
 */
export function addICConvolution(builder: GraphBuilder, unit: ICConvolutionNodes): void {
  const { layer, convolved, output } = unit;
  const weighted = (image: string): string =>
    addNode(builder, layer, 'Mul', [image, spreadOut(builder, layer, 'adjust')]);
  const isOutputForm = layer.adjust === 'output';
  const sums = windowSums(builder, unit, channelSums(builder, unit, isOutputForm ? unit.input : weighted(unit.input)));
  const offset = layer.offset ? spreadOut(builder, layer, 'offset') : undefined;
  addSecondTerm(builder, layer, { z: convolved, threshold: isOutputForm ? weighted(sums) : sums, offset, output });
}

/** The same of a fully connected layer: z [N, K] of rows [N, C], whose window sum is that of the row. */
export function addICDense(builder: GraphBuilder, layer: DenseLayer, row: string, z: string, output: string): void {
  const axis = builder.constant('axes.1', [1], BigInt64Array.of(1n));
  const sums = addNode(builder, layer, 'ReduceSum', [row, axis], { keepdims: integer(1) });
  const threshold = addNode(builder, layer, 'Mul', [sums, `${layer.name}.adjust`]);
  addSecondTerm(builder, layer, { z, threshold, offset: layer.offset ? `${layer.name}.offset` : undefined, output });
}

/** z + relu(z - threshold + offset) */
function addSecondTerm(
  builder: GraphBuilder,
  layer: UnitLayer,
  term: { z: string; threshold: string; offset: string | undefined; output: string },
): void {
  const { z, threshold, offset, output } = term;
  const above = addNode(builder, layer, 'Sub', [z, threshold]);
  const excess = offset === undefined ? above : addNode(builder, layer, 'Add', [above, offset]);
  builder.node({ type: 'Add', inputs: [z, addNode(builder, layer, 'Relu', [excess])] }, output, layer.name);
}

/** A node of a layer, besides the one that makes its output. */
function addNode(
  builder: GraphBuilder,
  { name }: UnitLayer,
  type: string,
  inputs: readonly string[],
  attributes = {},
): string {
  return builder.node({ type, inputs, attributes }, builder.claim(`${name}/${type}`));
}

/** A parameter of one number a channel, [C, 1, 1]. */
function spreadOut(builder: GraphBuilder, layer: ConvolutionLayer, parameter: string): string {
  const axes = builder.constant('axes.1-2', [2], BigInt64Array.of(1n, 2n));
  return addNode(builder, layer, 'Unsqueeze', [`${layer.name}.${parameter}`, axes]);
}

/** [N, C, H, W] -> [N, groups, H, W] */
function channelSums(builder: GraphBuilder, { layer, inputSize }: ICConvolutionNodes, image: string): string {
  const { groups } = layer;
  const { channels, height, width } = inputSize;
  if (channels === groups) return image;
  const sum = (inputs: readonly string[], keepdims: number): string =>
    addNode(builder, layer, 'ReduceSum', inputs, { keepdims: integer(keepdims) });
  if (groups === 1) return sum([image, builder.constant('axes.1', [1], BigInt64Array.of(1n))], 1);
  const split = addNode(builder, layer, 'Reshape', [
    image,
    sizes(builder, 0, groups, channels / groups, height, width),
  ]);
  return sum([split, builder.constant('axes.2', [1], BigInt64Array.of(2n))], 0);
}

/** [N, groups, H, W] -> [N, 1, P, Q] for one group, else [N, K, P, Q] */
function windowSums(builder: GraphBuilder, { layer }: ICConvolutionNodes, sums: string): string {
  const { name, groups, kernel, stride, padding, outChannels } = layer;
  const isPixel = [...kernel, ...stride].every((size) => size === 1) && padding.every((size) => size === 0);
  if (groups === 1 && isPixel) return sums;
  const filters = groups === 1 ? 1 : outChannels;
  const shape = [filters, 1, ...kernel];
  const ones = builder.constant(
    `ones.${shape.join('x')}`,
    shape,
    new Float32Array(filters * kernel[0] * kernel[1]).fill(1),
  );
  const attributes = windowAttributes(layer);
  return builder.node({ type: 'Conv', inputs: [sums, ones], attributes }, builder.claim(`${name}/windowSums`));
}

/** The attributes of a convolution. */
export function windowAttributes({ kernel, stride, padding, dilation, groups }: ConvolutionLayer) {
  return {
    kernel_shape: integers(kernel),
    strides: integers(stride),
    pads: integers(sidesOf(padding)),
    dilations: integers(dilation),
    group: integer(groups),
  };
}
