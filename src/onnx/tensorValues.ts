import { type TensorProto, TensorProto_DataLocation, TensorProto_DataType } from 'onnx-buf';
import type { ICError } from '../errors.js';
import { decodeFloats, isFloatType } from '../io/floats.js';
import type { SafetensorsType } from '../io/safetensorsHeader.js';
import { malformed, quoted, unsupported } from './modelFile.js';

/** How a type of elements is stored: in `rawData` by its bytes, or in the field that takes its values. */
interface Storage {
  readonly type: SafetensorsType;
  readonly bytes: number;
  readonly field: 'floatData' | 'doubleData' | 'int32Data' | 'int64Data';
}

const storages = new Map<number, Storage>([
  [TensorProto_DataType.FLOAT, { type: 'F32', bytes: 4, field: 'floatData' }],
  [TensorProto_DataType.DOUBLE, { type: 'F64', bytes: 8, field: 'doubleData' }],
  [TensorProto_DataType.FLOAT16, { type: 'F16', bytes: 2, field: 'int32Data' }],
  [TensorProto_DataType.BFLOAT16, { type: 'BF16', bytes: 2, field: 'int32Data' }],
  [TensorProto_DataType.INT32, { type: 'I32', bytes: 4, field: 'int32Data' }],
  [TensorProto_DataType.INT64, { type: 'I64', bytes: 8, field: 'int64Data' }],
  [TensorProto_DataType.BOOL, { type: 'BOOL', bytes: 1, field: 'int32Data' }],
]);
/** Weights that many nodes share are decoded once. */
const decoded = new WeakMap<TensorProto, Float32Array>();
const integerTypes: readonly SafetensorsType[] = ['I32', 'I64'];

/**
 * The sizes of a tensor, checked against what it holds.
 *
 * @param where the tensor's place, for errors
 * @throws UnsupportedError for data in another file and types that are not read, FormatError for sizes that are no counts,
 *   and another number of elements than they say
 */
export function tensorShape(tensor: TensorProto, where: string): readonly number[] {
  requireOwnData(tensor, where);
  const shape = tensor.dims.map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(count)) {
    throw malformed(`${where}, dims`, 'counts', `[${shape.slice(0, 8)}]`);
  }
  const { bytes, field } = storageOf(tensor, where);
  const { rawData } = tensor;
  const held = rawData.length > 0 ? rawData.length / bytes : tensor[field].length;
  if (held !== count) throw malformed(where, `${count} elements for [${shape}]`, `${held}`);
  return shape;
}

function requireOwnData({ dataLocation, externalData }: TensorProto, where: string): void {
  if (dataLocation !== TensorProto_DataLocation.EXTERNAL && externalData.length === 0) return;
  const location = externalData.find(({ key }) => key === 'location')?.value;
  const got = `data in ${location === undefined ? 'another file' : quoted(location)}, which was not given`;
  throw unsupported(where, 'data in the file itself or in `files`', got);
}

/**
 * The elements of a floating-point tensor, row-major.
 *
 * @throws UnsupportedError and FormatError as {@link tensorShape} does, FormatError for other types, and for what is not
 *   finite
 */
export function floatsOf(tensor: TensorProto, where: string): Float32Array {
  const known = decoded.get(tensor);
  if (known) return known;
  const values = numbersOf(tensor, where);
  for (let index = 0; index < values.length; index++) {
    if (!Number.isFinite(values[index])) throw malformed(where, 'finite numbers', `${values[index]}`);
  }
  decoded.set(tensor, values);
  return values;
}

/** The same, whether finite or not: bounds need not be. */
export function numbersOf(tensor: TensorProto, where: string): Float32Array {
  tensorShape(tensor, where);
  const { type, field } = storageOf(tensor, where);
  if (!isFloatType(type)) throw malformed(where, 'floating-point numbers', type);
  return tensor.rawData.length > 0 ? decodeFloats(type, tensor.rawData) : decodeField(tensor, field, type);
}

function decodeField(tensor: TensorProto, field: Storage['field'], type: SafetensorsType): Float32Array {
  const values = tensor[field];
  // Halves are the lower bits of integers.
  if (field === 'int32Data') return decodeFloats(type, new Uint8Array(Uint16Array.from(values as number[]).buffer));
  return Float32Array.from(values as number[]);
}

/**
 * The elements of a tensor of integers, row-major.
 *
 * @throws UnsupportedError and FormatError as {@link tensorShape} does, FormatError for other types
 */
export function integersOf(tensor: TensorProto, where: string): readonly number[] {
  tensorShape(tensor, where);
  const { type, bytes, field } = storageOf(tensor, where);
  if (!integerTypes.includes(type)) throw malformed(where, 'integers', type);
  if (tensor.rawData.length === 0) return Array.from(tensor[field], Number);
  const { buffer, byteOffset, length } = tensor.rawData;
  const view = new DataView(buffer, byteOffset, length);
  return Array.from({ length: length / bytes }, (_, index) =>
    type === 'I64' ? Number(view.getBigInt64(index * bytes, true)) : view.getInt32(index * bytes, true),
  );
}

/** Whether the elements are integers of a type that is read. */
export function isOfIntegers({ dataType }: TensorProto): boolean {
  return dataType === TensorProto_DataType.INT32 || dataType === TensorProto_DataType.INT64;
}

/** Whether the elements are truth values. */
export function isOfTruths({ dataType }: TensorProto): boolean {
  return dataType === TensorProto_DataType.BOOL;
}

/**
 * The elements of a tensor of truth values, as 0 and 1.
 *
 * @throws UnsupportedError and FormatError as {@link tensorShape} does, FormatError for other types
 */
export function truthsOf(tensor: TensorProto, where: string): readonly number[] {
  tensorShape(tensor, where);
  const { type } = storageOf(tensor, where);
  if (type !== 'BOOL') throw malformed(where, 'BOOL', type);
  const { rawData, int32Data } = tensor;
  return Array.from(rawData.length > 0 ? rawData : int32Data, (value) => (value === 0 ? 0 : 1));
}

function storageOf({ dataType }: TensorProto, where: string): Storage {
  const storage = storages.get(dataType);
  if (storage) return storage;
  const known = [...storages.keys()].map((type) => TensorProto_DataType[type]).join(', ');
  throw typeRefusal(`${where}, data_type`, known, dataType);
}

/** The error of a type of elements: one that is not read here, or that there is not. */
export function typeRefusal(where: string, expected: string, type: number): ICError {
  const name = TensorProto_DataType[type];
  const isType = name !== undefined && type !== TensorProto_DataType.UNDEFINED;
  return isType ? unsupported(where, expected, name) : malformed(where, expected, name ?? `${type}`);
}

/** The place of a tensor, for errors. */
export function placeOfTensor(file: string, name: string): string {
  return `${file}, tensor ${quoted(name)}`;
}

/** The decimal that a float32 was meant to be: 0.00001 for 9.999999747378752e-6. */
export function decimal(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === value ? short : value;
}
