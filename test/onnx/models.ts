import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';

/** A whole number is an integer unless it says that it is none. */
type AttributeValue =
  | number
  | string
  | readonly number[]
  | TensorProto
  | { readonly float: number }
  | { readonly floats: readonly number[] };

/** A node by its operator, inputs, output and attributes; it is called as its output is. */
export function node(
  opType: string,
  input: readonly string[],
  output: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
  return create(NodeProtoSchema, { opType, domain, name: output, input: [...input], output: [output], attribute });
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  const { FLOAT, FLOATS, INT, INTS, STRING, TENSOR } = AttributeProto_AttributeType;
  if (typeof value === 'string')
    return create(AttributeProtoSchema, { name, type: STRING, s: new TextEncoder().encode(value) });
  if (typeof value === 'object' && 'float' in value)
    return create(AttributeProtoSchema, { name, type: FLOAT, f: value.float });
  if (typeof value === 'object' && 'floats' in value)
    return create(AttributeProtoSchema, { name, type: FLOATS, floats: [...value.floats] });
  if (typeof value === 'object' && 'dims' in value)
    return create(AttributeProtoSchema, { name, type: TENSOR, t: value });
  if (typeof value === 'object') return create(AttributeProtoSchema, { name, type: INTS, ints: value.map(BigInt) });
  if (Number.isInteger(value)) return create(AttributeProtoSchema, { name, type: INT, i: BigInt(value) });
  return create(AttributeProtoSchema, { name, type: FLOAT, f: value });
}

/** A constant of float32, values 0.1, 0.2, ... unless given, with what the test changes of it. */
export function floats(
  name: string,
  dims: readonly number[],
  changes: MessageInitShape<typeof TensorProtoSchema> & { readonly values?: readonly number[] } = {},
): TensorProto {
  const { values = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => 0.1 * (i + 1)), ...rest } =
    changes;
  const rawData = new Uint8Array(Float32Array.from(values).buffer);
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: TensorProto_DataType.FLOAT,
    rawData,
    ...rest,
  });
}

export function integers(name: string, values: readonly number[]): TensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  return create(TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: TensorProto_DataType.INT64,
    rawData,
  });
}

/** One integer, of no axis. */
export function integer(name: string, value: number): TensorProto {
  return { ...integers(name, [value]), dims: [] };
}

/** One truth value, of no axis. */
export function boolean(name: string, value: boolean): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dataType: TensorProto_DataType.BOOL,
    rawData: Uint8Array.of(value ? 1 : 0),
  });
}

/** A graph's input or output; a size that is a word is open, and without sizes so is their number. */
export function tensor(
  name: string,
  sizes?: readonly (number | string)[],
  elemType = TensorProto_DataType.FLOAT,
): ValueInfoProto {
  const dim = sizes?.map((size) =>
    typeof size === 'string'
      ? { value: { case: 'dimParam' as const, value: size } }
      : { value: { case: 'dimValue' as const, value: BigInt(size) } },
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType, ...(dim && { shape: { dim } }) } } },
  });
}

/** What a model is made of; `x` [N, 2, 4, 5] goes in and `y` comes out unless told. */
export interface ModelParts {
  readonly nodes: readonly NodeProto[];
  readonly constants?: readonly TensorProto[];
  readonly inputs?: readonly ValueInfoProto[];
  readonly outputs?: readonly ValueInfoProto[];
  readonly opset?: number;
}

export function modelOf(parts: ModelParts): Uint8Array {
  const { nodes, constants = [], opset = 17 } = parts;
  const { inputs = [tensor('x', ['N', 2, 4, 5])], outputs = [tensor('y')] } = parts;
  const graph = {
    name: 'graph',
    node: [...nodes],
    initializer: [...constants],
    input: [...inputs],
    output: [...outputs],
  };
  const model = create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ version: BigInt(opset) }], graph });
  return toBinary(ModelProtoSchema, model);
}
