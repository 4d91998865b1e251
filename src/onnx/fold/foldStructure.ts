import { TensorProto_DataType } from 'onnx-buf';
import { elementCount } from '../../graph/parameters.js';
import { axesFrom, integerAttribute, integersAttribute, tensorAttribute } from '../attributes.js';
import { malformed, unsupported } from '../modelFile.js';
import type { Node } from '../node.js';
import { typeRefusal } from '../tensorValues.js';
import { spread, spreadDims } from './foldElements.js';
import {
  arrayOf,
  gather,
  type NumberArray,
  type NumberType,
  type Size,
  stridesOf,
  take,
  upTo,
} from './numberArrays.js';
import { sliceIndices, sliceRanges, splitSizes } from './slices.js';

/*
 * What operators make of constants and of sizes by their places: nothing is computed.
 */

type Inputs = readonly (NumberArray | undefined)[];

const castTypes = new Map<number, NumberType>([
  [TensorProto_DataType.FLOAT, 'float'],
  [TensorProto_DataType.FLOAT16, 'float'],
  [TensorProto_DataType.BFLOAT16, 'float'],
  [TensorProto_DataType.DOUBLE, 'float'],
  [TensorProto_DataType.INT32, 'integer'],
  [TensorProto_DataType.INT64, 'integer'],
  [TensorProto_DataType.BOOL, 'boolean'],
]);

/** The type that a Cast makes. */
export function castType(node: Node): NumberType {
  const to = integerAttribute(node, 'to', TensorProto_DataType.UNDEFINED);
  const type = castTypes.get(to);
  if (type) return type;
  const known = [...castTypes.keys()].map((known) => TensorProto_DataType[known]).join(', ');
  throw typeRefusal(`${node.place}, to`, known, to);
}

export function foldCast(node: Node, [input]: Inputs): NumberArray {
  const type = castType(node);
  const { values } = input!;
  if (type === input!.type || (type === 'integer' && input!.type === 'boolean')) return { ...input!, type };
  const changed = Array.from(values, (value): Size => {
    if (value === 'batch') throw unsupported(node.place, 'sizes that do not depend on the number of images', 'batch');
    if (type === 'boolean') return value === 0 ? 0 : 1;
    return type === 'integer' ? Math.trunc(value) : value;
  });
  if (type === 'integer' && !changed.every(Number.isSafeInteger))
    throw malformed(node.place, 'numbers', 'what is none');
  return { ...input!, type, values: type === 'float' ? Float32Array.from(changed as number[]) : changed };
}

export function foldConcat(node: Node, inputs: Inputs): NumberArray {
  const arrays = inputs as readonly NumberArray[];
  const { type, dims } = arrays[0]!;
  const axis = requiredAxis(node, dims.length);
  const fits = (other: NumberArray): boolean =>
    other.type === type &&
    other.dims.length === dims.length &&
    other.dims.every((size, index) => index === axis || size === dims[index]);
  if (!arrays.every(fits)) throw malformed(`${node.place}, inputs`, 'arrays alike but for the axis', 'others');
  const outer = elementCount(dims.slice(0, axis));
  const pieces = upTo(outer).flatMap((index) =>
    arrays.map(({ values, dims: own }) => {
      const length = elementCount(own.slice(axis));
      return Array.prototype.slice.call(values, index * length, (index + 1) * length) as Size[];
    }),
  );
  const values = pieces.flat();
  const length = arrays.reduce((sum, { dims: own }) => sum + own[axis]!, 0);
  return {
    type,
    dims: dims.map((size, index) => (index === axis ? length : size)),
    values: type === 'float' ? Float32Array.from(values as number[]) : values,
  };
}

/** The attribute that a Concat must have, as an axis. */
export function requiredAxis(node: Node, rank: number): number {
  const axis = integerAttribute(node, 'axis');
  if (axis === undefined) throw malformed(`${node.place}, axis`, 'an axis', 'none');
  return axesFrom(`${node.place}, axis`, [axis], rank)[0]!;
}

export function foldGather(node: Node, [data, indices]: Inputs): NumberArray {
  const { dims } = data!;
  const [axis] = axesFrom(`${node.place}, axis`, [integerAttribute(node, 'axis', 0)], dims.length);
  const places = integersIn(node, indices!, 1).map((index) => {
    if (index >= -dims[axis!]! && index < dims[axis!]!) return index < 0 ? index + dims[axis!]! : index;
    throw malformed(node.place, `an index within ${dims[axis!]}`, `${index}`);
  });
  const taken = take(
    data!,
    dims.map((size, other) => (other === axis ? places : upTo(size))),
  );
  return { ...taken, dims: [...dims.slice(0, axis), ...indices!.dims, ...dims.slice(axis! + 1)] };
}

export function foldSlice(node: Node, inputs: Inputs): NumberArray {
  const data = inputs[0]!;
  const lists = inputs.map((input, index) => input && index > 0 && integersIn(node, input, index));
  const ranges = sliceRanges(node, lists as (readonly number[])[], data.dims.length);
  return take(
    data,
    data.dims.map((size, axis) => sliceIndices(size, ranges.get(axis))),
  );
}

export function foldSplit(node: Node, [data, given]: Inputs): readonly NumberArray[] {
  const { dims } = data!;
  const [axis] = axesFrom(`${node.place}, axis`, [integerAttribute(node, 'axis', 0)], dims.length);
  const sizes = splitSizes(node, given && integersIn(node, given, 1), dims[axis!]!);
  let start = 0;
  return sizes.map((size) => {
    const indices = dims.map((all, other) => (other === axis ? upTo(size).map((index) => index + start) : upTo(all)));
    start += size;
    return take(data!, indices);
  });
}

export function foldTranspose(node: Node, [data]: Inputs): NumberArray {
  const { dims } = data!;
  const axes = permutation(node, dims.length);
  const strides = stridesOf(dims);
  return gather(
    data!,
    axes.map((axis) => dims[axis]!),
    axes.map((axis) => strides[axis]!),
  );
}

/** The order of axes of a Transpose: the reverse where it says none. */
export function permutation(node: Node, rank: number): readonly number[] {
  const order = integersAttribute(node, 'perm') ?? upTo(rank).toReversed();
  if (order.length === rank && upTo(rank).every((axis) => order.includes(axis))) return order;
  throw malformed(`${node.place}, perm`, `an order of ${rank} axes`, `[${order.slice(0, 8)}]`);
}

export function foldExpand(node: Node, [data, shape]: Inputs): NumberArray {
  const sizes = integersIn(node, shape!, 1);
  const dims = spreadDims(node, [data!, { type: 'integer', dims: sizes, values: [] }]);
  return spread(data!, dims);
}

export function foldTile(node: Node, [data, repeats]: Inputs): NumberArray {
  const counts = integersIn(node, repeats!, 1);
  const { dims } = data!;
  if (counts.length !== dims.length || counts.some((count) => count < 0)) {
    throw malformed(`${node.place}, repeats`, `${dims.length} counts`, `[${counts.slice(0, 8)}]`);
  }
  return take(
    data!,
    dims.map((size, axis) => upTo(size * counts[axis]!).map((index) => index % size)),
  );
}

export function foldWhere(node: Node, [condition, left, right]: Inputs): NumberArray {
  if (condition!.type !== 'boolean' || left!.type !== right!.type) {
    throw malformed(`${node.place}, inputs`, 'truth values and two of one type', `${condition!.type}, ${left!.type}`);
  }
  const dims = spreadDims(node, [condition!, left!, right!]);
  const [truths, first, second] = [condition!, left!, right!].map((array) => spread(array, dims).values);
  const values = Array.from(truths!, (truth, index) => (truth === 0 ? second![index]! : first![index]!));
  return { type: left!.type, dims, values };
}

export function foldRange(node: Node, inputs: Inputs): NumberArray {
  const [start, limit, delta] = inputs.map((input, index) => {
    const [value] = Array.from(input!.values);
    if (typeof value === 'number' && input!.values.length === 1) return value;
    throw malformed(`${node.place}, input ${index}`, 'one number', `${input!.values.length}`);
  }) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  requireCount(node, count);
  const values = Array.from({ length: count }, (_, index) => start + index * delta);
  return { type: inputs[0]!.type, dims: [count], values };
}

export function foldConstantOfShape(node: Node, [shape]: Inputs): NumberArray {
  const dims = integersIn(node, shape!, 0);
  requireCount(node, elementCount(dims));
  const tensor = tensorAttribute(node, 'value');
  const { type, values } = tensor ? arrayOf(tensor, `${node.place}, value`) : { type: 'float' as const, values: [0] };
  if (values.length !== 1) throw malformed(`${node.place}, value`, 'one number', `${values.length}`);
  return { type, dims, values: new Array(elementCount(dims)).fill(values[0]) };
}

function requireCount(node: Node, count: number): void {
  if (count >= 0 && count <= 2 ** 20) return;
  throw unsupported(node.place, `at most ${2 ** 20} elements`, `${count}`);
}

/** An input of integers that are all known. */
function integersIn(node: Node, { type, values }: NumberArray, index: number): readonly number[] {
  const list = Array.from(values);
  if (type !== 'integer') throw malformed(`${node.place}, input ${index}`, 'integers', type);
  if (list.every((value) => typeof value === 'number')) return list;
  throw unsupported(`${node.place}, input ${index}`, 'integers that are known', 'the number of images');
}
