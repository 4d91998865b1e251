import { ShapeError, UnsupportedError } from '../errors.js';
import {
  type BatchNormLayer,
  type ConvolutionLayer,
  type DenseLayer,
  isICUnit,
  type Layer,
  type PoolLayer,
  type ReluLayer,
} from '../graph/network.js';
import type { Shape } from '../graph/shapes.js';
import { sidesOf } from '../ops/windows.js';
import { float, type GraphBuilder, integer, integers } from './graphBuilder.js';
import { addICConvolution, addICDense, windowAttributes } from './icConvolutionNodes.js';

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
      return addJoint(context, 'Add');
    case 'concat':
      return addJoint(context, 'Concat', { axis: integer(1) });
    case 'maxPool':
    case 'meanPool':
      return addPool({ ...context, layer });
    case 'dense':
      return addDense({ ...context, layer });
    case 'flatten':
      return { ...addSame(context, 'Flatten', [], { axis: integer(1) }), flat: true };
    case 'softmax':
      return addSame(context, 'Softmax', [], { axis: integer(1) });
    default:
      throw new UnsupportedError({
        operation: 'encodeOnnx',
        parameter: layer.name,
        expected: 'a layer that ONNX files are written of',
        got: layer.kind,
      });
  }
}

function addConvolution({ builder, layer, inputs, output, shape }: LayerContext<ConvolutionLayer>): Tensor {
  const { name } = layer;
  const input = asImage(builder, inputs[0]!, name);
  const isIC = layer.adjust !== 'none';
  const operands = [input, `${name}.weight`, ...(layer.bias ? [`${name}.bias`] : [])];
  const convolved = isIC ? builder.claim(`${name}/Conv`) : output;
  const convolution = { type: 'Conv', inputs: operands, attributes: windowAttributes(layer) };
  builder.node(convolution, convolved, isIC ? convolved : name);
  if (isIC) {
    const [, height, width, channels] = inputs[0]!.shape;
    const inputSize = { channels, height, width };
    addICConvolution(builder, { layer, input, inputSize, convolved, output });
  }
  return { name: output, shape, flat: false };
}

function addBatchNorm(context: LayerContext<BatchNormLayer>): Tensor {
  const { name, epsilon, momentum } = context.layer;
  const stored = Math.fround(epsilon);
  if (!(stored > 0 && Number.isFinite(stored))) {
    const expected = 'a positive number of float32';
    throw new ShapeError({ operation: 'encodeOnnx', parameter: `${name}: epsilon`, expected, got: String(epsilon) });
  }
  const parameters = ['weight', 'bias', 'running_mean', 'running_var'].map((suffix) => `${name}.${suffix}`);
  // ONNX's momentum is the share of what was there before.
  return addSame(context, 'BatchNormalization', parameters, { epsilon: float(epsilon), momentum: float(1 - momentum) });
}

/** A node whose output is shaped as its input. */
function addSame(
  { builder, layer, inputs, output, shape }: LayerContext<Layer>,
  type: string,
  more: readonly string[] = [],
  attributes = {},
): Tensor {
  const [{ name, flat }] = inputs as [Tensor];
  builder.node({ type, inputs: [name, ...more], attributes }, output, layer.name);
  return { name: output, shape, flat };
}

function addRelu(context: LayerContext<ReluLayer>): Tensor {
  const { maximum } = context.layer;
  if (maximum === undefined) return addSame(context, 'Relu');
  const bounds = [0, maximum].map((value) => context.builder.constant(`bound.${value}`, [], Float32Array.of(value)));
  return addSame(context, 'Clip', bounds);
}

/** A node that joins several tensors of one kind. */
function addJoint(
  { builder, layer, inputs, output, shape }: LayerContext<Layer>,
  type: string,
  attributes = {},
): Tensor {
  const { names, flat } = alike(builder, inputs, layer.name);
  builder.node({ type, inputs: names, attributes }, output, layer.name);
  return { name: output, shape, flat };
}

function addPool({ builder, layer, inputs, output, shape }: LayerContext<PoolLayer>): Tensor {
  const { kind, name, kernel, stride, padding, ceilMode = false, countPadding = true } = layer;
  const input = asImage(builder, inputs[0]!, name);
  if (kernel === 'global') {
    builder.node(
      { type: kind === 'maxPool' ? 'GlobalMaxPool' : 'GlobalAveragePool', inputs: [input] },
      output,
      layer.name,
    );
  } else {
    const attributes = {
      kernel_shape: integers(kernel),
      strides: integers(stride),
      pads: integers(sidesOf(padding)),
      ...(ceilMode && { ceil_mode: integer(1) }),
    };
    const counting = { ...attributes, count_include_pad: integer(countPadding ? 1 : 0) };
    if (kind === 'maxPool') builder.node({ type: 'MaxPool', inputs: [input], attributes }, output, layer.name);
    else builder.node({ type: 'AveragePool', inputs: [input], attributes: counting }, output, layer.name);
  }
  return { name: output, shape, flat: false };
}

function addDense({ builder, layer, inputs, output, shape }: LayerContext<DenseLayer>): Tensor {
  const { name, bias } = layer;
  const row = asRow(builder, inputs[0]!, name);
  const operands = [row, `${name}.weight`, ...(bias ? [`${name}.bias`] : [])];
  const isIC = isICUnit(layer);
  const z = isIC ? builder.claim(`${name}/Gemm`) : output;
  builder.node({ type: 'Gemm', inputs: operands, attributes: { transB: integer(1) } }, z, isIC ? z : name);
  if (isIC) addICDense(builder, layer, row, z, output);
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

/** Tensors that are joined, all as rows where one of them is: it is of one pixel, and so are the others. */
function alike(builder: GraphBuilder, inputs: readonly Tensor[], layer: string) {
  const flat = inputs.some((input) => input.flat);
  return { flat, names: inputs.map((input) => (flat ? asRow(builder, input, layer) : input.name)) };
}
