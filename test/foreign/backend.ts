import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from 'onnx-buf';
import { numbersOf, tensorShape } from '../../src/onnx/tensorValues.js';
import { floats, integers, tensor } from '../onnx/models.js';

/** A test of onnx's own, as a model of images. */
export interface BackendTest {
  readonly name: string;
  /** The operators of its graph. */
  readonly operators: readonly string[];
  readonly file: Uint8Array;
  /** [N, C, H, W] */
  readonly sizes: readonly [number, number, number, number];
  readonly images: Float32Array;
  readonly expected: { readonly dims: readonly number[]; readonly values: Float32Array };
}

/** Why a test is none of images. */
export interface Unfit {
  readonly name: string;
  readonly operators: readonly string[];
  readonly reason: string;
}

const several = ['Add', 'Concat', 'Div', 'Max', 'Mean', 'Min', 'Mul', 'Sub', 'Sum'];

/** The tests of a folder. */
export function readBackendTests(folder: string): readonly (BackendTest | Unfit)[] {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'model.onnx')))
    .map((name) => readBackendTest(join(folder, name), name.replace(/^test_/, '')));
}

/**
 * A test whose first input is the images, of however many axes, with axes of size 1 behind them, and whose other inputs are constants;
 * where an operator takes several tensors of one kind, these are the images' channels.
 */
function readBackendTest(path: string, name: string): BackendTest | Unfit {
  const model = fromBinary(ModelProtoSchema, readFileSync(join(path, 'model.onnx')));
  const graph = model.graph!;
  const operators = [...new Set(graph.node.map(({ opType, domain }) => (domain ? `${domain}.` : '') + opType))];
  const unfit = (reason: string): Unfit => ({ name, operators, reason });
  const read = (file: string): TensorProto | undefined => {
    try {
      return fromBinary(TensorProtoSchema, readFileSync(join(path, 'test_data_set_0', file)));
    } catch {
      return undefined;
    }
  };
  const own = new Set(graph.initializer.map((one) => one.name));
  const given = graph.input.filter((one) => !own.has(one.name));
  const data = given.map((_, index) => read(`input_${index}.pb`));
  const result = read('output_0.pb');
  if (data.length === 0) return unfit('no input');
  if (data.some((one) => !one) || !result) return unfit('no tensors');
  const tensors = data as readonly TensorProto[];
  if (!isSound(tensors[0]!) || !isSound(result)) return unfit('not a tensor');
  const isFloat = (one: TensorProto): boolean => one.dataType === TensorProto_DataType.FLOAT;
  if (!isFloat(tensors[0]!) || !isFloat(result)) return unfit('not of float32');
  const dims = tensors[0]!.dims.map(Number);
  if (dims.length === 0 || dims.length > 4) return unfit(`${dims.length} axes`);
  if (dims.includes(0)) return unfit('no elements');
  if (operators.some((one) => one === 'Transpose' || one === 'Unsqueeze')) return unfit('axes in another order');
  const isJoined =
    tensors.length > 1 &&
    dims.length > 1 &&
    graph.node.length === 1 &&
    several.includes(graph.node[0]!.opType) &&
    tensors.every(
      (one) =>
        one.dims.length === dims.length && one.dims.every((size, axis) => axis === 1 || Number(size) === dims[axis]),
    );
  const images = isJoined ? tensors : tensors.slice(0, 1);
  const opset = Number(model.opsetImport.find(({ domain }) => domain === '')?.version ?? 1n);
  const channels = images.map((one) => Number(one.dims[1] ?? 1n));
  const sizes = [dims[0]!, sum(channels), dims[2] ?? 1, dims[3] ?? 1] as const;
  const names = given.slice(0, images.length).map((one) => one.name);
  graph.node.unshift(...opened(names, channels, dims.length, opset));
  const squeezed = opset >= 13 && dims.length < 4 ? [integers('icnet.axes', axesBehind(dims.length))] : [];
  const split = opset >= 13 && channels.length > 1 ? [integers('icnet.split', channels)] : [];
  const constants = given
    .slice(images.length)
    .map((one, index) => ({ ...tensors[index + images.length]!, name: one.name }));
  graph.initializer.push(...constants, ...squeezed, ...split, floats('icnet.two', [1, 1, 1, 1], { values: [2] }));
  graph.input = [tensor('icnet.images', sizes)];
  graph.output = graph.output.slice(0, 1);
  return {
    name,
    operators,
    file: toBinary(ModelProtoSchema, model),
    sizes,
    images: joined(images, sizes).map((value) => value / 2),
    expected: { dims: tensorShape(result, name), values: numbersOf(result, name) },
  };
}

/** A sequence of tensors reads as a tensor that has no elements. */
function isSound(one: TensorProto): boolean {
  try {
    tensorShape(one, 'data');
    return true;
  } catch {
    return one.dataType !== TensorProto_DataType.FLOAT && one.dataType !== TensorProto_DataType.UNDEFINED;
  }
}

function axesBehind(rank: number): readonly number[] {
  return [0, 1, 2, 3].slice(rank);
}

/** The nodes that make the test's inputs of the images. */
function opened(names: readonly string[], channels: readonly number[], rank: number, opset: number): NodeProto[] {
  const nodes: NodeProto[] = [];
  const whole = names.map((name, index) => (rank < 4 ? `icnet.image${index}` : name));
  // So that there is something to do where the test's own nodes do nothing.
  const doubled = names.length === 1 ? whole[0]! : 'icnet.doubled';
  nodes.push(node('Mul', ['icnet.images', 'icnet.two'], [doubled]));
  if (names.length > 1 && opset >= 13) nodes.push(node('Split', [doubled, 'icnet.split'], whole, { axis: 1 }));
  else if (names.length > 1) nodes.push(node('Split', [doubled], whole, { axis: 1, split: channels }));
  if (rank === 4) return nodes;
  for (const [index, name] of names.entries()) {
    if (opset >= 13) nodes.push(node('Squeeze', [whole[index]!, 'icnet.axes'], [name]));
    else nodes.push(node('Squeeze', [whole[index]!], [name], { axes: axesBehind(rank) }));
  }
  return nodes;
}

function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): NodeProto {
  const { INT, INTS } = AttributeProto_AttributeType;
  const attribute = Object.entries(attributes).map(([name, value]) =>
    create(
      AttributeProtoSchema,
      typeof value === 'number' ? { name, type: INT, i: BigInt(value) } : { name, type: INTS, ints: value.map(BigInt) },
    ),
  );
  return create(NodeProtoSchema, {
    opType,
    name: `icnet.${opType}`,
    input: [...input],
    output: [...output],
    attribute,
  });
}

/** Images [N, C, H, W] whose channels are those of several ones. */
function joined(tensors: readonly TensorProto[], [count]: readonly number[]): Float32Array {
  const parts = tensors.map((one) => numbersOf(one, 'input'));
  return Float32Array.from(
    Array.from({ length: count! }, (_, image) =>
      parts.flatMap((values) =>
        Array.from(values.subarray((image * values.length) / count!, ((image + 1) * values.length) / count!)),
      ),
    ).flat(),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
