import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from 'onnx-buf';

/** An attribute of a node, without its name. */
export type Attribute = Omit<MessageInitShape<typeof AttributeProtoSchema>, 'name' | '$typeName'>;

export const integer = (value: number): Attribute => ({ type: AttributeProto_AttributeType.INT, i: BigInt(value) });
export const integers = (values: readonly number[]): Attribute => ({
  type: AttributeProto_AttributeType.INTS,
  ints: values.map(BigInt),
});
export const float = (value: number): Attribute => ({ type: AttributeProto_AttributeType.FLOAT, f: value });
export const text = (value: string): Attribute => ({
  type: AttributeProto_AttributeType.STRING,
  s: new TextEncoder().encode(value),
});

/** An operator of ONNX with what it reads. */
export interface Operator {
  readonly type: string;
  /** Names of tensors. */
  readonly inputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** Gathers the nodes and constant tensors of an ONNX graph, and keeps their names apart. */
export interface GraphBuilder {
  readonly nodes: readonly NodeProto[];
  readonly initialisers: readonly TensorProto[];
  /** A name that nothing else has: the one asked for where it is free and can be a name. */
  claim(name: string): string;
  /** Adds a node and returns the name of its output, which the node has as well unless told. */
  node(operator: Operator, output: string, name?: string): string;
  /** Adds a tensor whose name has been claimed; its bytes are not copied. */
  initialiser(name: string, shape: readonly number[], data: Float32Array | BigInt64Array): void;
  /** The name of a constant tensor, which is added where it is asked for the first time. */
  constant(name: string, shape: readonly number[], data: Float32Array | BigInt64Array): string;
}

export function createGraphBuilder(): GraphBuilder {
  const names = new Set<string>();
  const constants = new Map<string, string>();
  const nodes: NodeProto[] = [];
  const initialisers: TensorProto[] = [];

  function claim(name: string): string {
    // To ONNX no name is no tensor, and protobuf holds no half of a surrogate pair.
    const own = name === '' ? 'unnamed' : name.replace(/\p{Surrogate}/gu, '\ufffd');
    let free = own;
    for (let copy = 2; names.has(free); copy++) free = `${own}.${copy}`;
    names.add(free);
    return free;
  }

  function initialiser(name: string, shape: readonly number[], data: Float32Array | BigInt64Array): void {
    const dataType = data instanceof Float32Array ? TensorProto_DataType.FLOAT : TensorProto_DataType.INT64;
    const rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    initialisers.push(create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData }));
  }

  return {
    nodes,
    initialisers,
    claim,
    initialiser,
    node({ type, inputs, attributes = {} }, output, name = output) {
      const attribute = Object.entries(attributes).map(([key, value]) =>
        create(AttributeProtoSchema, { name: key, ...value }),
      );
      nodes.push(create(NodeProtoSchema, { name, opType: type, input: [...inputs], output: [output], attribute }));
      return output;
    },
    constant(name, shape, data) {
      const known = constants.get(name);
      if (known !== undefined) return known;
      const own = claim(name);
      constants.set(name, own);
      initialiser(own, shape, data);
      return own;
    },
  };
}
