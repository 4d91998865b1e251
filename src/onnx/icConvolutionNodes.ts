import type { ConvolutionLayer } from '../graph/network.js';
import { sidesOf } from '../ops/windows.js';
import { type GraphBuilder, integer, integers } from './graphBuilder.js';

/** Where an IC convolution's nodes go: its layer, and the tensors and names they use. */
export interface ICConvolutionNodes {
  readonly layer: ConvolutionLayer;
  /** [N, C, H, W] */
  readonly input: string;
  readonly inputSize: { readonly channels: number; readonly height: number; readonly width: number };
  /** The output of the plain convolution, [N, K, P, Q]. */
  readonly convolved: string;
  /** The recalibration weights, one a filter or one an input channel. */
  readonly adjust: string;
  /** The name of the result. */
  readonly output: string;
}

/**
 * y = z + relu(z - a S) out of standard operators, z being there already:
 *
 * - the sums over the channels of each group, of x, or of a x where `a` belongs to input channels
 * - S, their sums over the window, by a convolution with ones: it gives one channel for all filters where there is one
 *   group, and else the sum of its group to every filter
 * - Mul by a where it belongs to filters, Sub, Relu, Add
 */
export function addICUnit(builder: GraphBuilder, unit: ICConvolutionNodes): string {
  const { layer, convolved, output } = unit;
  const isOutputForm = layer.adjust === 'output';
  const input = isOutputForm ? unit.input : multiply(builder, unit, unit.input);
  const sums = windowSums(builder, unit, channelSums(builder, unit, input));
  const threshold = isOutputForm ? multiply(builder, unit, sums) : sums;
  const add = (type: string, inputs: readonly string[]): string => builder.node({ type, inputs }, named(unit, type));
  const excess = add('Sub', [convolved, threshold]);
  return builder.node({ type: 'Add', inputs: [convolved, add('Relu', [excess])] }, output, layer.name);

  function named({ layer: { name } }: ICConvolutionNodes, type: string): string {
    return builder.claim(`${name}/${type}`);
  }
}

/** Every channel times its recalibration weight. */
function multiply(builder: GraphBuilder, { layer, adjust }: ICConvolutionNodes, image: string): string {
  const axes = builder.constant('axes.1-2', [2], BigInt64Array.of(1n, 2n));
  const weights = builder.node({ type: 'Unsqueeze', inputs: [adjust, axes] }, builder.claim(`${layer.name}/Unsqueeze`));
  return builder.node({ type: 'Mul', inputs: [image, weights] }, builder.claim(`${layer.name}/Mul`));
}

/** [N, C, H, W] -> [N, groups, H, W] */
function channelSums(builder: GraphBuilder, { layer, inputSize }: ICConvolutionNodes, image: string): string {
  const { name, groups } = layer;
  const { channels, height, width } = inputSize;
  if (channels === groups) return image;
  const sum = (inputs: readonly string[], keepdims: number): string =>
    builder.node(
      { type: 'ReduceSum', inputs, attributes: { keepdims: integer(keepdims) } },
      builder.claim(`${name}/ReduceSum`),
    );
  if (groups === 1) return sum([image, builder.constant('axes.1', [1], BigInt64Array.of(1n))], 1);
  // A size of 0 stands for that of the input, the batch.
  const shape = [0, groups, channels / groups, height, width];
  const shapeName = builder.constant(`shape.${shape.join('x')}`, [5], BigInt64Array.from(shape, BigInt));
  const split = builder.node({ type: 'Reshape', inputs: [image, shapeName] }, builder.claim(`${name}/Reshape`));
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
