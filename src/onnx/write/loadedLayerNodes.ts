import type {
  ActivationLayer,
  ConcatLayer,
  FlattenLayer,
  LoadedLayer,
  LocalResponseNormLayer,
  ShuffleLayer,
  SliceLayer,
  TransposedConvolutionLayer,
  UpsampleLayer,
} from '../../graph/network.js';
import { usualSlopes } from '../../ops/activationFunctions.js';
import { sidesOf } from '../../ops/windows.js';
import { type Attribute, float, integer, integers, text } from './graphBuilder.js';
import { asImage, asRow, type LayerContext, sizes, type Tensor } from './nodeTensors.js';

/*
 * The layers that are loaded when a network has one, as nodes.
 */

/** Adds the nodes of a layer. */
export function addLoadedLayer(context: LayerContext<Exclude<LoadedLayer, ConcatLayer | FlattenLayer>>): Tensor {
  const { layer } = context;
  switch (layer.kind) {
    case 'activation':
      return addActivation({ ...context, layer });
    case 'prelu':
      return finish(context, 'PRelu', [context.inputs[0]!.name, ofChannels(context, 'weight')]);
    case 'multiply':
      return addProduct(context);
    case 'affine': {
      const scaled = within(context, 'Mul', [context.inputs[0]!.name, ofChannels(context, 'weight')]);
      return finish(context, 'Add', [scaled, ofChannels(context, 'bias')]);
    }
    case 'slice':
      return addSlice({ ...context, layer });
    case 'shuffle':
      return addShuffle({ ...context, layer });
    case 'upsample':
      return addUpsampling({ ...context, layer });
    case 'transposedConvolution':
      return addTransposedConvolution({ ...context, layer });
    case 'localResponseNorm':
      return addResponseNorm({ ...context, layer });
  }
}

type Attributes = Readonly<Record<string, Attribute>>;

/** The layer's last node, shaped as its input unless told. */
function finish(
  { builder, layer, inputs: [input], output, shape }: LayerContext<LoadedLayer>,
  type: string,
  inputs: readonly string[],
  attributes: Attributes = {},
  flat = input!.flat,
): Tensor {
  builder.node({ type, inputs, attributes }, output, layer.name);
  return { name: output, shape, flat };
}

/** A node ahead of that. */
function within(
  { builder, layer }: LayerContext<LoadedLayer>,
  type: string,
  inputs: readonly string[],
  attributes: Attributes = {},
): string {
  return builder.node({ type, inputs, attributes }, builder.claim(`${layer.name}/${type}`));
}

/** A parameter with one number a channel, which spreads over the layer's input. */
function ofChannels({ builder, layer, inputs: [input] }: LayerContext<LoadedLayer>, parameter: string): string {
  const name = `${layer.name}.${parameter}`;
  if (input!.flat) return name;
  const axes = builder.constant('axes.1-2', [2], BigInt64Array.of(1n, 2n));
  return builder.node({ type: 'Unsqueeze', inputs: [name, axes] }, builder.claim(`${name}/Unsqueeze`));
}

/** A number as a constant. */
function scalar({ builder }: LayerContext<LoadedLayer>, value: number): string {
  return builder.constant(`number.${value}`, [], Float32Array.of(value));
}

function addActivation(context: LayerContext<ActivationLayer>): Tensor {
  const { layer, inputs } = context;
  const { function: name, slope } = layer;
  const input = inputs[0]!.name;
  switch (name) {
    case 'sigmoid':
      return finish(context, 'Sigmoid', [input]);
    case 'tanh':
      return finish(context, 'Tanh', [input]);
    case 'hardSwish':
      return finish(context, 'HardSwish', [input]);
    case 'hardSigmoid':
      return finish(context, 'HardSigmoid', [input], {
        alpha: float(slope ?? usualSlopes.hardSigmoid),
        beta: float(0.5),
      });
    case 'leakyRelu':
      return finish(context, 'LeakyRelu', [input], { alpha: float(slope ?? usualSlopes.leakyRelu) });
    case 'silu':
      return finish(context, 'Mul', [input, within(context, 'Sigmoid', [input])]);
    case 'gelu':
      return addGelu(context, input);
  }
}

function addGelu(context: LayerContext<ActivationLayer>, input: string): Tensor {
  const error = within(context, 'Erf', [within(context, 'Div', [input, scalar(context, Math.SQRT2)])]);
  const doubled = within(context, 'Mul', [input, within(context, 'Add', [error, scalar(context, 1)])]);
  return finish(context, 'Mul', [doubled, scalar(context, 0.5)]);
}

/** By a gate, too: a row where the other one is images. */
function addProduct(context: LayerContext<LoadedLayer>): Tensor {
  const { builder, layer, inputs } = context;
  const [first] = inputs as readonly [Tensor];
  const names = inputs.map((input) => (first.flat ? asRow : asImage)(builder, input, layer.name));
  return finish(context, 'Mul', names);
}

function addSlice(context: LayerContext<SliceLayer>): Tensor {
  const { layer, builder, inputs } = context;
  const list = (value: number): string => builder.constant(`list.${value}`, [1], BigInt64Array.of(BigInt(value)));
  const { start, channels } = layer;
  return finish(context, 'Slice', [inputs[0]!.name, list(start), list(start + channels), list(1)]);
}

/** [N, groups, C / groups, H, W] with the first two of these axes exchanged. */
function addShuffle(context: LayerContext<ShuffleLayer>): Tensor {
  const { builder, layer, inputs } = context;
  const [{ shape }] = inputs as readonly [Tensor];
  const [, height, width, channels] = shape;
  const input = asImage(builder, inputs[0]!, layer.name);
  // A size of 0 stands for that of the input, the batch.
  const split = sizes(builder, 0, layer.groups, channels / layer.groups, height, width);
  const parts = within(context, 'Reshape', [input, split]);
  const turned = within(context, 'Transpose', [parts], { perm: integers([0, 2, 1, 3, 4]) });
  return finish(context, 'Reshape', [turned, sizes(builder, 0, channels, height, width)], {}, false);
}

function addUpsampling(context: LayerContext<UpsampleLayer>): Tensor {
  const { builder, layer, inputs } = context;
  const { factor, mode, alignCorners = false } = layer;
  const input = asImage(builder, inputs[0]!, layer.name);
  const scales = builder.constant(`scales.${factor.join('x')}`, [4], Float32Array.of(1, 1, ...factor));
  const attributes: Attributes =
    mode === 'nearest'
      ? { mode: text('nearest'), coordinate_transformation_mode: text('asymmetric'), nearest_mode: text('floor') }
      : { mode: text('linear'), coordinate_transformation_mode: text(alignCorners ? 'align_corners' : 'half_pixel') };
  return finish(context, 'Resize', [input, '', scales], attributes, false);
}

function addTransposedConvolution(context: LayerContext<TransposedConvolutionLayer>): Tensor {
  const { builder, layer, inputs } = context;
  const { name, kernel, stride, padding, outputPadding, dilation, groups, bias } = layer;
  const input = asImage(builder, inputs[0]!, name);
  const attributes = {
    kernel_shape: integers(kernel),
    strides: integers(stride),
    pads: integers(sidesOf(padding)),
    output_padding: integers(outputPadding),
    dilations: integers(dilation),
    group: integer(groups),
  };
  const operands = [input, `${name}.weight`, ...(bias ? [`${name}.bias`] : [])];
  return finish(context, 'ConvTranspose', operands, attributes, false);
}

/** LRN; of an even number of channels, which it has one behind rather than ahead, written out. */
function addResponseNorm(context: LayerContext<LocalResponseNormLayer>): Tensor {
  const { builder, layer, inputs } = context;
  const { size, alpha, beta, k } = layer;
  const input = asImage(builder, inputs[0]!, layer.name);
  if (size % 2 === 1) {
    const attributes = { size: integer(size), alpha: float(alpha), beta: float(beta), bias: float(k) };
    return finish(context, 'LRN', [input], attributes, false);
  }
  const [, height, width, channels] = inputs[0]!.shape;
  // The channels as rows of one image, over which means go.
  const flat = within(context, 'Reshape', [
    within(context, 'Mul', [input, input]),
    sizes(builder, 0, 1, channels, height * width),
  ]);
  const mean = within(context, 'AveragePool', [flat], {
    kernel_shape: integers([size, 1]),
    strides: integers([1, 1]),
    pads: integers([size / 2, 0, size / 2 - 1, 0]),
    count_include_pad: integer(1),
  });
  const means = within(context, 'Reshape', [mean, sizes(builder, 0, channels, height, width)]);
  const base = within(context, 'Add', [within(context, 'Mul', [means, scalar(context, alpha)]), scalar(context, k)]);
  return finish(context, 'Div', [input, within(context, 'Pow', [base, scalar(context, beta)])], {}, false);
}
