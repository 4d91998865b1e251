import { create } from '@bufbuild/protobuf';
import { type TensorProto, TensorProto_DataType, TensorProtoSchema } from 'onnx-buf';
import type { ICError } from '../../errors.js';
import { elementCount } from '../../graph/parameters.js';
import { unsupported } from '../modelFile.js';
import { integersOf, isOfIntegers, isOfTruths, numbersOf, tensorShape, truthsOf } from '../tensorValues.js';

/** A size of a tensor: a number, or the number of images, which is known only when the network runs. */
export type Size = number | 'batch';

/** What the elements of an array of numbers are. */
export type NumberType = 'float' | 'integer' | 'boolean';

/** Constants and sizes of tensors as the graph computes with them, row-major; truth values are 0 and 1. */
export interface NumberArray {
  readonly type: NumberType;
  readonly dims: readonly number[];
  readonly values: ArrayLike<Size>;
}

/** More axes than any tensor has, and elements that one may have: weights, and lists of sizes and places. */
const most = { axes: 64, floats: 2 ** 28, integers: 2 ** 22 };

/** The numbers of a tensor. */
export function arrayOf(tensor: TensorProto, where: string): NumberArray {
  const dims = tensorShape(tensor, where);
  if (dims.length > most.axes) throw unsupported(where, `at most ${most.axes} axes`, `${dims.length}`);
  // Without elements there may be axes of any length.
  for (const size of dims) if (size > most.floats) throw roomRefusal(size);
  if (isOfIntegers(tensor)) return { type: 'integer', dims, values: integersOf(tensor, where) };
  if (isOfTruths(tensor)) return { type: 'boolean', dims, values: truthsOf(tensor, where) };
  return { type: 'float', dims, values: numbersOf(tensor, where) };
}

/** A list of integers. */
export function listOf(values: readonly Size[]): NumberArray {
  return { type: 'integer', dims: [values.length], values };
}

/** Whether an element is the number of images. */
export function dependsOnBatch({ type, values }: NumberArray): boolean {
  return type === 'integer' && Array.prototype.includes.call(values, 'batch');
}

/** Numbers as a tensor. */
export function tensorOf({ type, dims, values }: NumberArray): TensorProto {
  const shape = dims.map(BigInt);
  const numbers = values as ArrayLike<number>;
  if (type === 'float') {
    const { buffer, byteOffset, byteLength } = Float32Array.from(numbers);
    const rawData = new Uint8Array(buffer, byteOffset, byteLength);
    return create(TensorProtoSchema, { dataType: TensorProto_DataType.FLOAT, dims: shape, rawData });
  }
  if (type === 'boolean') {
    const int32Data = Array.from(numbers);
    return create(TensorProtoSchema, { dataType: TensorProto_DataType.BOOL, dims: shape, int32Data });
  }
  const int64Data = Array.from(numbers, BigInt);
  return create(TensorProtoSchema, { dataType: TensorProto_DataType.INT64, dims: shape, int64Data });
}

/**
 * An array with room for elements of a type.
 *
 * @throws UnsupportedError for more than there are in any file
 */
export function emptyValues(type: NumberType, length: number): Float32Array | Size[] {
  if (!(length >= 0 && length <= (type === 'float' ? most.floats : most.integers))) throw roomRefusal(length);
  return type === 'float' ? new Float32Array(length) : new Array<Size>(length).fill(0);
}

/** How far apart neighbours along each axis are. */
export function stridesOf(dims: readonly number[]): readonly number[] {
  return dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
}

/** Elements by their places in another array, along strides. */
export function gather(array: NumberArray, dims: readonly number[], strides: readonly number[]): NumberArray {
  return { ...array, dims, values: pick(array, dims, (axis, index) => index * strides[axis]!) };
}

/** The elements at these indices of each axis. */
export function take(array: NumberArray, indices: readonly (readonly number[])[]): NumberArray {
  const strides = stridesOf(array.dims);
  const dims = indices.map(({ length }) => length);
  return { ...array, dims, values: pick(array, dims, (axis, index) => indices[axis]![index]! * strides[axis]!) };
}

/** @param offset what an index along an axis adds to an element's place */
function pick(
  { type, values }: NumberArray,
  dims: readonly number[],
  offset: (axis: number, index: number) => number,
): ArrayLike<Size> {
  const result = emptyValues(type, elementCount(dims));
  let written = 0;
  const walk = (axis: number, place: number): void => {
    if (axis === dims.length) result[written++] = values[place] as never;
    else for (let index = 0; index < dims[axis]!; index++) walk(axis + 1, place + offset(axis, index));
  };
  if (result.length > 0) walk(0, 0);
  return result;
}

function roomRefusal(length: number): ICError {
  return unsupported('constants', `at most ${most.floats} numbers, and ${most.integers} integers`, `${length}`);
}

/** The numbers from 0 up. */
export function upTo(count: number): readonly number[] {
  if (!(count <= most.floats)) throw roomRefusal(count);
  return Array.from({ length: count }, (_, index) => index);
}
