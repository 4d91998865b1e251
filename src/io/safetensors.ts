import { requireKind } from '../arrays.js';
import { ShapeError } from '../errors.js';
import { requireInteger, requireReadable } from './checks.js';
import { kindBytes, namingKind } from './fileKind.js';
import { decodeFloats } from './floats.js';
import {
  describe,
  elementBytes,
  elementCount,
  headerLength,
  lengthBytes,
  metadataName,
  nameFault,
  parseHeader,
  quoted,
  type SafetensorsType,
} from './safetensorsHeader.js';

export type { SafetensorsType };

/** A tensor of a safetensors file. */
export interface SafetensorsTensor {
  /** The elements' type. */
  readonly dtype: SafetensorsType;
  /** Row-major, the last index runs fastest; empty for a single number. */
  readonly shape: readonly number[];
  /** The elements, little-endian. */
  readonly bytes: Uint8Array;
}

/** What a safetensors file holds, in the order of its header. */
export interface Safetensors {
  /** Texts by name; empty where there are none. */
  readonly metadata: Record<string, string>;
  /** By name. */
  readonly tensors: Map<string, SafetensorsTensor>;
}

const dataAlignment = 8;

/**
 * Reads a safetensors file. The tensors' bytes are views into `bytes`: nothing is copied.
 *
 * @param name the file's name, for errors
 * @throws FormatError saying what the file is where it is of another kind, else where in it: a header that is too
 *   long, not UTF-8, not JSON or not an object; a name given twice or `__proto__`; metadata that is no string; an
 *   unknown element type; a shape or offsets that are no counts, do not agree or lie outside the file; bytes that
 *   belong to two tensors or to none. LimitError for a header of more than 16 MiB, more than 100,000 tensors or
 *   metadata, or more than 8 dimensions; ShapeError for no Uint8Array
 */
export function readSafetensors(bytes: Uint8Array, name = 'file.safetensors'): Safetensors {
  requireKind('readSafetensors', name, bytes, 'Uint8Array');
  try {
    return read(bytes, name);
  } catch (error) {
    throw namingKind(error, bytes.subarray(0, kindBytes), 'readSafetensors', name, 'a safetensors file');
  }
}

function read(bytes: Uint8Array, name: string): Safetensors {
  const dataStart = lengthBytes + headerLength(bytes, bytes.byteLength, name);
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + dataStart, bytes.byteLength - dataStart);
  const { metadata, tensors } = parseHeader(bytes.subarray(lengthBytes, dataStart), data.length, name);
  const views = Array.from(tensors, ([key, { dtype, shape, begin, end }]): [string, SafetensorsTensor] => [
    key,
    { dtype, shape, bytes: data.subarray(begin, end) },
  ]);
  return { metadata, tensors: new Map(views) };
}

/** A file that is about to be written: what stands ahead of the tensors, and the order in which they follow. */
export interface SafetensorsPlan {
  /** The header with its length; a multiple of 8 bytes. */
  readonly start: Uint8Array<ArrayBuffer>;
  /** The place of each tensor in the list that was given, in the order of the data. */
  readonly order: readonly number[];
  readonly dataBytes: number;
}

/**
 * Plans a safetensors file: the header holds the tensors in the order given and is padded with spaces so that the data
 * starts at a multiple of 8 bytes. The data is ordered by the size of the elements, largest first and else as given,
 * so that every element lies at a multiple of its size.
 *
 * @throws ShapeError for a shape of other than counts, or of packed elements that fill no whole bytes, and for a name that a
 *   file cannot hold: given twice, `__metadata__`, `__proto__`, or with half of a surrogate pair; for
 *   whatever else `readSafetensors` would refuse
 */
export function planSafetensors(
  tensors: readonly (readonly [string, Pick<SafetensorsTensor, 'dtype' | 'shape'>])[],
  metadata?: Readonly<Record<string, string>>,
): SafetensorsPlan {
  const names = new Set<string>();
  for (const [name, tensor] of tensors) {
    checkWritable(name, tensor, names);
    names.add(name);
  }
  const sizeAt = (index: number): number => elementBytes[tensors[index]![1].dtype];
  const order = tensors.map((_, index) => index).sort((a, b) => sizeAt(b) - sizeAt(a));
  const begins: number[] = [];
  let end = 0;
  for (const index of order) {
    begins[index] = end;
    end += tensorBytes(tensors[index]![1]);
  }
  const members = tensors.map(([name, tensor], index): [string, string] => {
    const { dtype, shape } = tensor;
    const data_offsets = [begins[index], begins[index]! + tensorBytes(tensor)];
    return [name, JSON.stringify({ dtype, shape, data_offsets })];
  });
  if (metadata !== undefined) members.unshift([metadataName, metadataText(metadata)]);
  const start = startBytes(members);
  requireReadable('writeSafetensors', () => {
    headerLength(start, start.length + end, 'file');
    parseHeader(start.subarray(lengthBytes), end, 'file');
  });
  return { start, order, dataBytes: end };
}

/**
 * Writes a safetensors file, laid out as `planSafetensors` says.
 *
 * @throws ShapeError for a tensor whose bytes are no Uint8Array or do not fit its shape, and as `planSafetensors` does
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, SafetensorsTensor]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const list = [...tensors];
  const { start, order, dataBytes } = planSafetensors(list, metadata);
  for (const [name, tensor] of list) checkBytes(name, tensor);
  const file = new Uint8Array(start.length + dataBytes);
  file.set(start);
  let position = start.length;
  for (const index of order) {
    const { bytes } = list[index]![1];
    file.set(bytes, position);
    position += bytes.length;
  }
  return file;
}

/**
 * A tensor over `data`, which is not copied.
 *
 * @throws ShapeError for no Float32Array, and where the shape does not hold as many elements as `data`
 */
export function float32Tensor(shape: readonly number[], data: Float32Array): SafetensorsTensor {
  requireKind('float32Tensor', 'data', data, 'Float32Array');
  const count = elementCount(shape);
  if (count !== data.length) {
    throw new ShapeError({
      operation: 'float32Tensor',
      parameter: 'data',
      expected: `${count} elements for ${describe(shape)}`,
      got: `${data.length}`,
    });
  }
  return { dtype: 'F32', shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/**
 * The elements of a floating-point tensor as float32; F64 is rounded to nearest. An F32 tensor that lies at a multiple of
 * 4 bytes is returned as a view of its bytes, all others are copied.
 *
 * @throws UnsupportedError for other types, ShapeError where the bytes are no Uint8Array
 */
export function toFloat32(tensor: SafetensorsTensor): Float32Array {
  requireKind('toFloat32', 'bytes', tensor.bytes, 'Uint8Array');
  return decodeFloats(tensor.dtype, tensor.bytes);
}

function unwritable(parameter: string, expected: string, got: string): ShapeError {
  return new ShapeError({ operation: 'writeSafetensors', parameter, expected, got });
}

function checkWritable(
  name: string,
  tensor: Pick<SafetensorsTensor, 'dtype' | 'shape'>,
  names: ReadonlySet<string>,
): void {
  const { dtype, shape } = tensor;
  const fault = name === metadataName ? 'a name other than the metadata has' : nameFault(name);
  if (fault !== undefined) throw unwritable('tensors', fault, quoted(name));
  if (names.has(name)) throw unwritable('tensors', 'every name once', `${quoted(name)} again`);
  for (const size of shape) requireInteger('writeSafetensors', `tensor ${quoted(name)}, shape`, size, 0);
  if (Number.isInteger(tensorBytes(tensor))) return;
  throw unwritable(`tensor ${quoted(name)}, shape`, `a whole number of bytes for ${dtype}`, describe(shape));
}

function tensorBytes({ dtype, shape }: Pick<SafetensorsTensor, 'dtype' | 'shape'>): number {
  return elementCount(shape) * elementBytes[dtype];
}

function checkBytes(name: string, tensor: SafetensorsTensor): void {
  const size = tensorBytes(tensor);
  requireKind('writeSafetensors', `tensor ${quoted(name)}`, tensor.bytes, 'Uint8Array');
  if (tensor.bytes.length === size) return;
  const expected = `${size} bytes for ${tensor.dtype} ${describe(tensor.shape)}`;
  throw unwritable(`tensor ${quoted(name)}`, expected, `${tensor.bytes.length}`);
}

function metadataText(metadata: Readonly<Record<string, string>>): string {
  for (const name of Object.keys(metadata)) {
    const fault = nameFault(name);
    if (fault !== undefined) throw unwritable('metadata', fault, quoted(name));
  }
  return JSON.stringify(metadata);
}

/** Written member by member: an object would put names that are numbers first. */
function startBytes(members: readonly (readonly [string, string])[]): Uint8Array<ArrayBuffer> {
  const text = members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',');
  const header = new TextEncoder().encode(`{${text}}`);
  const length = Math.ceil(header.length / dataAlignment) * dataAlignment;
  const start = new Uint8Array(lengthBytes + length).fill(' '.charCodeAt(0));
  new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
  start.set(header, lengthBytes);
  return start;
}
