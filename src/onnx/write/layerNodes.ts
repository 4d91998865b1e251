import { ShapeError } from '../../errors.js';
import {
  type BatchNormLayer,
  type ConvolutionLayer,
  type DenseLayer,
  isICUnit,
  type Layer,
  type PoolLayer,
  type ReluLayer,
} from '../../graph/network.js';
import { float, integer } from './graphBuilder.js';
import { addICConvolution, addICDense, windowAttributes } from './icConvolutionNodes.js';
import { addLoadedLayer } from './loadedLayerNodes.js';
import { alike, asImage, asRow, type LayerContext, type Tensor } from './nodeTensors.js';
import { poolAttributes } from './poolNodes.js';

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
      return addLoadedLayer({ ...context, layer });
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
  const { kind, name, kernel } = layer;
  const input = asImage(builder, inputs[0]!, name);
  const isMax = kind === 'maxPool';
  if (kernel === 'global') {
    builder.node({ type: isMax ? 'GlobalMaxPool' : 'GlobalAveragePool', inputs: [input] }, output, name);
  } else {
    const attributes = poolAttributes({ ...layer, kernel }, inputs[0]!.shape, shape);
    builder.node({ type: isMax ? 'MaxPool' : 'AveragePool', inputs: [input], attributes }, output, name);
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
