import { type AttributeProto, AttributeProto_AttributeType, type TensorProto } from 'onnx-buf';
import { malformed } from './modelFile.js';
import type { Node } from './node.js';
import { decimal } from './tensorValues.js';

export function integerAttribute(node: Node, name: string, usual: number): number;
export function integerAttribute(node: Node, name: string, usual?: number): number | undefined;
export function integerAttribute(node: Node, name: string, usual?: number): number | undefined {
  const attribute = attributeOf(node, name, AttributeProto_AttributeType.INT);
  return attribute ? Number(attribute.i) : usual;
}

export function integersAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = attributeOf(node, name, AttributeProto_AttributeType.INTS);
  return attribute?.ints.map(Number);
}

export function floatAttribute(node: Node, name: string, usual: number): number {
  const attribute = attributeOf(node, name, AttributeProto_AttributeType.FLOAT);
  return attribute ? decimal(attribute.f) : usual;
}

/** Axes from the first one on, sorted and each once; negative ones count from behind the last. */
export function axesFrom(where: string, axes: readonly number[], rank: number): readonly number[] {
  const strange = axes.find((axis) => !(axis >= -rank && axis < rank));
  if (strange !== undefined) throw malformed(where, `axes of ${rank}`, `${strange}`);
  return [...new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)))].sort((a, b) => a - b);
}

export function floatsAttribute(node: Node, name: string): readonly number[] | undefined {
  return attributeOf(node, name, AttributeProto_AttributeType.FLOATS)?.floats;
}

export function textAttribute(node: Node, name: string, usual: string): string {
  const attribute = attributeOf(node, name, AttributeProto_AttributeType.STRING);
  return attribute ? new TextDecoder().decode(attribute.s) : usual;
}

export function tensorAttribute(node: Node, name: string): TensorProto | undefined {
  return attributeOf(node, name, AttributeProto_AttributeType.TENSOR)?.t;
}

function attributeOf(
  { proto, place }: Node,
  name: string,
  type: AttributeProto_AttributeType,
): AttributeProto | undefined {
  const attribute = proto.attribute.find((candidate) => candidate.name === name);
  if (!attribute || attribute.type === type) return attribute;
  const got = AttributeProto_AttributeType[attribute.type] ?? `${attribute.type}`;
  throw malformed(`${place}, ${name}`, AttributeProto_AttributeType[type]!, got);
}
