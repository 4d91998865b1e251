import type {
  AddLayer,
  BatchNormLayer,
  ConcatLayer,
  ConvolutionLayer,
  DenseLayer,
  Layer,
  PoolLayer,
  ReluLayer,
  SoftmaxLayer,
} from '../graph/network.js';
import type { Shape } from '../graph/shapes.js';
import { float, type GraphBuilder, integer, integers } from './graphBuilder.js';
import { addICUnit, padOf, windowAttributes } from './icConvolutionNodes.js';

/** The output of a layer in the ONNX graph. */
export interface Tensor {
  readonly name: string;
  /** NHWC, as in the network. */
  readonly shape: Shape;
  /** Whether it is [N, C], as behind a dense layer; [N, C, H, W] otherwise. */
  readonly flat: boolean;
}

/** A layer, what it reads and what it is to make. */
interface LayerContext<Kind extends Layer> {
  readonly builder: GraphBuilder;
  readonly layer: Kind;
  readonly inputs: readonly Tensor[];
  /** The output's name in the graph, and its shape in the network. */
  readonly output: string;
  readonly shape: Shape;
}

/** Adds the nodes of a layer. Parameters are there as initialisers of their own names. */
export function addLayer(context: LayerContext<Layer>): Tensor {
  const { layer } = context;
  switch (layer.kind) {
    case 'convolution':
      return addConvolution({ ...context, layer });
    case 'batchNorm':
      return addBatchNorm({ ...context, layer });
    case 'relu':
      return addRelu({ ...context, layer });
    case 'add':
      return addSum({ ...context, layer });
    case 'concat':
      return addConcat({ ...context, layer });
    case 'maxPool':
    case 'meanPool':
      return addPool({ ...context, layer });
    case 'dense':
      return addDense({ ...context, layer });
    case 'softmax':
      return addSoftmax({ ...context, layer });
  }
}

function addConvolution({ builder, layer, inputs, output, shape }: LayerContext<ConvolutionLayer>): Tensor {
  const { name } = layer;
  const input = asImage(builder, inputs[0]!, name);
  const isIC = layer.adjust !== 'none';
  const operands = [input, `${name}.weight`, ...(layer.bias ? [`${name}.bias`] : [])];
  const convolved = builder.node(
    { type: 'Conv', inputs: operands, attributes: windowAttributes(layer) },
    isIC ? builder.claim(`${name}/Conv`) : output,
  );
  if (isIC) {
    const [, height, width, channels] = inputs[0]!.shape;
    const inputSize = { channels, height, width };
    addICUnit(builder, { layer, input, inputSize, convolved, adjust: `${name}.adjust`, output });
  }
  return { name: output, shape, flat: false };
}

function addBatchNorm(context: LayerContext<BatchNormLayer>): Tensor {
  const { name, epsilon, momentum } = context.layer;
  const parameters = ['weight', 'bias', 'running_mean', 'running_var'].map((suffix) => `${name}.${suffix}`);
  // ONNX's momentum is the share of what was there before.
  return addSame(context, 'BatchNormalization', parameters, { epsilon: float(epsilon), momentum: float(1 - momentum) });
}

/** A node whose output is shaped as its input. */
function addSame(
  { builder, inputs, output, shape }: LayerContext<Layer>,
  type: string,
  more: readonly string[] = [],
  attributes = {},
): Tensor {
  const [{ name, flat }] = inputs as [Tensor];
  builder.node({ type, inputs: [name, ...more], attributes }, output);
  return { name: output, shape, flat };
}

function addRelu(context: LayerContext<ReluLayer>): Tensor {
  const { builder, layer } = context;
  if (layer.maximum === undefined) return addSame(context, 'Relu');
  const bounds = [0, layer.maximum].map((bound) => builder.constant(`bound.${bound}`, [], Float32Array.of(bound)));
  return addSame(context, 'Clip', bounds);
}

function addConcat({ builder, layer, inputs, output, shape }: LayerContext<ConcatLayer>): Tensor {
  const { names, flat } = alike(builder, inputs, layer.name);
  builder.node({ type: 'Concat', inputs: names, attributes: { axis: integer(1) } }, output);
  return { name: output, shape, flat };
}

function addSoftmax({ builder, layer, inputs, output, shape }: LayerContext<SoftmaxLayer>): Tensor {
  const row = asRow(builder, inputs[0]!, layer.name);
  builder.node({ type: 'Softmax', inputs: [row], attributes: { axis: integer(1) } }, output);
  return { name: output, shape, flat: true };
}

function addSum({ builder, layer, inputs, output, shape }: LayerContext<AddLayer>): Tensor {
  const { names, flat } = alike(builder, inputs, layer.name);
  builder.node({ type: 'Add', inputs: names }, output);
  return { name: output, shape, flat };
}

function addPool({ builder, layer, inputs, output, shape }: LayerContext<PoolLayer>): Tensor {
  const { kind, name, kernel, stride, padding } = layer;
  const input = asImage(builder, inputs[0]!, name);
  if (kernel === 'global') {
    builder.node({ type: kind === 'maxPool' ? 'GlobalMaxPool' : 'GlobalAveragePool', inputs: [input] }, output);
  } else {
    const attributes = { kernel_shape: integers(kernel), strides: integers(stride), pads: integers(padOf(padding)) };
    const counting = { ...attributes, count_include_pad: integer(layer.countPadding === false ? 0 : 1) };
    if (kind === 'maxPool') builder.node({ type: 'MaxPool', inputs: [input], attributes }, output);
    else builder.node({ type: 'AveragePool', inputs: [input], attributes: counting }, output);
  }
  return { name: output, shape, flat: false };
}

function addDense({ builder, layer, inputs, output, shape }: LayerContext<DenseLayer>): Tensor {
  const { name, bias } = layer;
  const row = asRow(builder, inputs[0]!, name);
  const operands = [row, `${name}.weight`, ...(bias ? [`${name}.bias`] : [])];
  builder.node({ type: 'Gemm', inputs: operands, attributes: { transB: integer(1) } }, output);
  return { name: output, shape, flat: true };
}

/** The tensor as [N, C, H, W], for a layer. */
function asImage(builder: GraphBuilder, { name, flat }: Tensor, layer: string): string {
  if (!flat) return name;
  const axes = builder.constant('axes.2-3', [2], BigInt64Array.of(2n, 3n));
  return builder.node({ type: 'Unsqueeze', inputs: [name, axes] }, builder.claim(`${layer}/Unsqueeze`));
}

/** The tensor as [N, C H W], for a layer. */
function asRow(builder: GraphBuilder, { name, flat }: Tensor, layer: string): string {
  if (flat) return name;
  return builder.node(
    { type: 'Flatten', inputs: [name], attributes: { axis: integer(1) } },
    builder.claim(`${layer}/Flatten`),
  );
}

/** Tensors of one shape in the network, all as rows where one of them is. */
function alike(builder: GraphBuilder, inputs: readonly Tensor[], layer: string) {
  const flat = inputs.some((input) => input.flat);
  return { flat, names: inputs.map((input) => (flat ? asRow(builder, input, layer) : input.name)) };
}
