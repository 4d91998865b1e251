import { create, toBinary } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
  Version,
} from 'onnx-buf';
import { requireKind } from '../arrays.js';
import { LimitError, ShapeError } from '../errors.js';
import type { Network } from '../graph/network.js';
import { elementCount, networkParameters, type ParameterSpec } from '../graph/parameters.js';
import { inferShapes, type Shape } from '../graph/shapes.js';
import { type Metadata, writeMetadata } from './metadata.js';
import { createGraphBuilder, type GraphBuilder } from './write/graphBuilder.js';
import { addLayer } from './write/layerNodes.js';
import type { Tensor } from './write/nodeTensors.js';

/** What goes into the file's metadata: the normalisation of images, and the classes in the order of the logits. */
export type EncodeOnnxOptions = Metadata;

/** The operator set that the files are written in. */
const opset = 17n;
/** What protobuf allows a message. */
const largestFile = 2 ** 31 - 1;

/**
 * A network as an ONNX file of standard operators (set 17), with its weights: input `input` [batch, channels, height,
 * width] with any number of images, output `logits`, or `probabilities` behind a softmax. Weights have their PyTorch
 * names and layouts. An IC unit is written out as Conv, ReduceSum, Conv with ones, Mul, Sub, Relu and Add.
 *
 * @param values the network's state, by PyTorch's names and in its layouts; counters of batches have no place in the file
 * @throws ShapeError where the network is not well formed, where an entry of its state is missing, of another size or no Float32Array,
 *   and for what `decodeOnnx` would refuse in the options, as another number of classes or channels; LimitError above 2 GiB
 */
export function encodeOnnx(
  network: Network,
  values: ReadonlyMap<string, Float32Array>,
  options: EncodeOnnxOptions = {},
): Uint8Array<ArrayBuffer> {
  const shapes = inferShapes(network, 1);
  const parameters = networkParameters(network).filter(({ role }) => role !== 'batchesTracked');
  checkValues(network, parameters, values);
  const metadataProps = writeMetadata(options, network);
  const builder = createGraphBuilder();
  const input = builder.claim('input');
  const output = builder.claim(network.layers.at(-1)!.kind === 'softmax' ? 'probabilities' : 'logits');
  for (const { name, shape } of parameters) builder.initialiser(builder.claim(name), shape, values.get(name)!);
  const result = addLayers(builder, network, shapes, { input, output });
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(Version.IR_VERSION_2021_7_30),
      producerName: 'ic-networks',
      opsetImport: [{ domain: '', version: opset }],
      metadataProps,
      graph: {
        name: network.name,
        input: [describe({ name: input, shape: shapes.get('input')!, flat: false })],
        output: [describe(result)],
        node: [...builder.nodes],
        initializer: [...builder.initialisers],
      },
    }),
  );
}

/** Adds every layer and returns the tensor of the last one. */
function addLayers(
  builder: GraphBuilder,
  { layers }: Network,
  shapes: ReadonlyMap<string, Shape>,
  { input, output }: { readonly input: string; readonly output: string },
): Tensor {
  const tensors = new Map<string, Tensor>([['input', { name: input, shape: shapes.get('input')!, flat: false }]]);
  // All layers' names ahead of those of the nodes within a layer, which could be the same.
  const outputs = [...layers.slice(0, -1).map(({ name }) => builder.claim(name)), output];
  for (const [index, layer] of layers.entries()) {
    const tensor = addLayer({
      builder,
      layer,
      inputs: layer.inputs.map((name) => tensors.get(name)!),
      output: outputs[index]!,
      shape: shapes.get(layer.name)!,
    });
    tensors.set(layer.name, tensor);
  }
  return tensors.get(layers.at(-1)!.name)!;
}

function describe({ name, shape: [, height, width, channels], flat }: Tensor): ValueInfoProto {
  const sizes = flat ? [channels] : [channels, height, width];
  const batch = create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'batch' } });
  const fixed = sizes.map((size) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } }),
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: TensorProto_DataType.FLOAT, shape: { dim: [batch, ...fixed] } },
      },
    },
  });
}

function checkValues(
  { name: network }: Network,
  parameters: readonly ParameterSpec[],
  values: ReadonlyMap<string, Float32Array>,
): void {
  requireKind('encodeOnnx', 'values', values, 'Map');
  const faults = parameters
    .map(({ name, shape }) => ({ name, expected: elementCount(shape), got: values.get(name)?.length ?? 0 }))
    .filter(({ expected, got }) => expected !== got)
    .map(({ name, expected, got }) => `${name} (${got} instead of ${expected} elements)`);
  if (faults.length > 0) throw refusal('values', `the state of ${network}`, faults.join(', '));
  for (const { name } of parameters) requireKind('encodeOnnx', name, values.get(name), 'Float32Array');
  const bytes = parameters.reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0);
  if (bytes < largestFile) return;
  const expected = `weights below the ${largestFile} bytes of a protobuf message`;
  throw new LimitError({ operation: 'encodeOnnx', parameter: network, expected, got: `${bytes} bytes` });
}

function refusal(parameter: string, expected: string, got: string): ShapeError {
  return new ShapeError({ operation: 'encodeOnnx', parameter, expected, got });
}
