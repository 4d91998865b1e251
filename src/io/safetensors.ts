import { FormatError, ShapeError } from '../errors.js';
import { requireInteger } from './checks.js';
import { type JsonValue, parseJson } from './json.js';

const elementBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** The element types of a safetensors file. */
export type SafetensorsType = keyof typeof elementBytes;

/** A tensor of a safetensors file. */
export interface SafetensorsTensor {
  readonly dtype: SafetensorsType;
  /** Row-major, the last index runs fastest; empty for a single number. */
  readonly shape: readonly number[];
  /** The elements, little-endian. */
  readonly bytes: Uint8Array;
}

/** What a safetensors file holds, in the order of its header. */
export interface Safetensors {
  readonly metadata: Record<string, string>;
  readonly tensors: Map<string, SafetensorsTensor>;
}

/** Bytes [begin, end) of the data that follow the header. */
interface Span {
  readonly tensor: string;
  readonly begin: number;
  readonly end: number;
}

const lengthBytes = 8;
const dataAlignment = 8;
/** What the reference implementation allows. */
const longestHeader = 100_000_000;
const metadataName = '__metadata__';

/**
 * Reads a safetensors file. The tensors' bytes are views into `bytes`: nothing is copied.
 *
 * @param name the file's name, for errors
 * @throws FormatError saying where in the file: a header that is too long, not UTF-8, not JSON or not an object; a name
 *   given twice or `__proto__`; metadata that is no string; an unknown element type; a shape or offsets that are no
 *   counts, do not agree or lie outside the file; bytes that belong to two tensors or to none
 */
export function readSafetensors(bytes: Uint8Array, name = 'file.safetensors'): Safetensors {
  const dataStart = lengthBytes + headerLength(bytes, name);
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + dataStart, bytes.byteLength - dataStart);
  const tensors = new Map<string, SafetensorsTensor>();
  const spans: Span[] = [];
  let metadata: Record<string, string> = {};
  for (const [key, value] of parseHeader(bytes.subarray(lengthBytes, dataStart), name)) {
    if (key === metadataName) {
      metadata = parseMetadata(value, name);
      continue;
    }
    const { tensor, span } = parseTensor(key, value, data, name);
    tensors.set(key, tensor);
    spans.push(span);
  }
  checkCoverage(spans, data.length, name);
  return { metadata, tensors };
}

/**
 * Writes a safetensors file: the header is padded with spaces so that the data starts at a multiple of 8 bytes, the
 * tensors follow one another in the order given.
 *
 * @throws ShapeError for a tensor whose bytes do not fit its shape, and for a name that a file cannot hold: given twice,
 *   `__metadata__`, `__proto__`, or with half of a surrogate pair
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, SafetensorsTensor]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const members = new Map<string, string>();
  const parts: Uint8Array[] = [];
  if (metadata !== undefined) members.set(metadataName, metadataText(metadata));
  let end = 0;
  for (const [name, tensor] of tensors) {
    checkWritable(name, tensor, members);
    const begin = end;
    end += tensor.bytes.length;
    members.set(name, JSON.stringify({ dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }));
    parts.push(tensor.bytes);
  }
  const header = headerBytes(members);
  const file = new Uint8Array(lengthBytes + header.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  let position = lengthBytes;
  for (const part of [header, ...parts]) {
    file.set(part, position);
    position += part.length;
  }
  return file;
}

/**
 * A tensor over `data`, which is not copied.
 *
 * @throws ShapeError where the shape does not hold as many elements as `data`
 */
export function float32Tensor(shape: readonly number[], data: Float32Array): SafetensorsTensor {
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
 * @throws FormatError for integers and booleans
 */
export function toFloat32(tensor: SafetensorsTensor): Float32Array {
  switch (tensor.dtype) {
    case 'F32':
      return view(Float32Array, tensor.bytes);
    case 'F64':
      return new Float32Array(view(Float64Array, tensor.bytes));
    case 'F16':
      return Float32Array.from(view(Uint16Array, tensor.bytes), halfToNumber);
    case 'BF16':
      // A bfloat16 is the upper half of a float32.
      return new Float32Array(Uint32Array.from(view(Uint16Array, tensor.bytes), (bits) => bits << 16).buffer);
    default:
      throw new FormatError({
        operation: 'toFloat32',
        parameter: 'dtype',
        expected: 'F64, F32, F16 or BF16',
        got: tensor.dtype,
      });
  }
}

/** Typed arrays must start at a multiple of their element; tensors in a file need not. */
function view<T>(
  kind: { new (buffer: ArrayBufferLike, offset: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
  bytes: Uint8Array,
): T {
  const size = kind.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new kind(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'readSafetensors', parameter, expected, got });
}

/** Names and values come from the file: they are quoted, and cut where they are long. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) return describeArray(value);
  return typeof value === 'string' ? quoted(value) : `${value}`;
}

function describeArray(items: readonly JsonValue[]): string {
  const short = items.length <= 8 && !items.some(Array.isArray);
  return short ? `[${items.map(describe)}]` : `an array of ${items.length}`;
}

function headerLength(bytes: Uint8Array, name: string): number {
  const where = `${name}, header length`;
  if (bytes.byteLength < lengthBytes) throw failure(where, `${lengthBytes} bytes`, `${bytes.byteLength}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const longest = Math.min(bytes.byteLength - lengthBytes, longestHeader);
  if (length > BigInt(longest)) throw failure(where, `at most ${longest}`, `${length}`);
  return Number(length);
}

function parseHeader(bytes: Uint8Array, name: string): ReadonlyMap<string, JsonValue> {
  const where = `${name}, header`;
  if (bytes[0] !== '{'.charCodeAt(0)) throw failure(where, '"{" as its first byte', `${bytes[0] ?? 'nothing'}`);
  const header = parseJson(decodeText(bytes, where), 'readSafetensors', where) as ReadonlyMap<string, JsonValue>;
  for (const key of header.keys()) checkName(key, where);
  return header;
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw failure(where, 'UTF-8', 'bytes that are not');
  }
}

function parseMetadata(value: JsonValue, name: string): Record<string, string> {
  const where = `${name}, ${metadataName}`;
  if (!(value instanceof Map)) throw failure(where, 'an object', describe(value));
  for (const [key, text] of value) {
    checkName(key, where);
    if (typeof text !== 'string') throw failure(`${where}, ${quoted(key)}`, 'a string', describe(text));
  }
  return Object.fromEntries(value);
}

/** The reason why a file must not hold `name`, if there is one. */
function nameFault(name: string): string | undefined {
  // Harmless in a map, but not in the plain object that a caller may copy the names to.
  if (name === '__proto__') return 'a name that plain objects can hold';
  return /\p{Surrogate}/u.test(name) ? 'a name without half of a surrogate pair' : undefined;
}

function checkName(name: string, where: string): void {
  const fault = nameFault(name);
  if (fault !== undefined) throw failure(where, fault, quoted(name));
}

function parseTensor(key: string, value: JsonValue, data: Uint8Array, name: string) {
  const where = `${name}, tensor ${quoted(key)}`;
  if (!(value instanceof Map)) throw failure(where, 'an object', describe(value));
  const dtype = parseType(value.get('dtype'), `${where}, dtype`);
  const shape = parseCounts(value.get('shape'), `${where}, shape`);
  const [begin, end] = parseOffsets(value.get('data_offsets'), data.length, `${where}, data_offsets`);
  const size = elementCount(shape) * elementBytes[dtype];
  if (!Number.isSafeInteger(size)) throw failure(`${where}, shape`, 'a size below 2^53 bytes', describe(shape));
  if (end - begin !== size) {
    throw failure(`${where}, data_offsets`, `${size} bytes for ${dtype} ${describe(shape)}`, `${end - begin}`);
  }
  return { tensor: { dtype, shape, bytes: data.subarray(begin, end) }, span: { tensor: key, begin, end } };
}

function parseType(value: JsonValue | undefined, where: string): SafetensorsType {
  if (typeof value !== 'string' || !Object.hasOwn(elementBytes, value)) {
    throw failure(where, Object.keys(elementBytes).join(', '), describe(value));
  }
  return value as SafetensorsType;
}

function parseCounts(value: JsonValue | undefined, where: string): readonly number[] {
  const isCount = (item: JsonValue) => Number.isSafeInteger(item) && (item as number) >= 0;
  if (!Array.isArray(value) || !value.every(isCount)) throw failure(where, 'an array of counts', describe(value));
  return value;
}

function parseOffsets(value: JsonValue | undefined, dataLength: number, where: string): readonly [number, number] {
  const offsets = parseCounts(value, where);
  const [begin, end] = offsets;
  if (offsets.length !== 2 || begin! > end! || end! > dataLength) {
    throw failure(where, `[begin, end] in order, within ${dataLength} bytes`, describe(offsets));
  }
  return [begin!, end!];
}

/** The product of a shape; not finite or not a safe integer where it is too large, whatever is multiplied after. */
function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => (Number.isSafeInteger(count) ? count * size : count), 1);
}

/** The format wants every byte of the data in one tensor, and in one only. */
function checkCoverage(spans: Span[], dataLength: number, name: string): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { tensor, begin, end } of spans) {
    if (begin !== covered) {
      const where = `${name}, tensor ${quoted(tensor)}, data_offsets`;
      throw failure(where, `to begin at ${covered}, where the tensor before it ends`, `${begin}`);
    }
    covered = end;
  }
  if (covered !== dataLength) throw failure(`${name}, data`, `${covered} bytes, all in tensors`, `${dataLength}`);
}

function unwritable(parameter: string, expected: string, got: string): ShapeError {
  return new ShapeError({ operation: 'writeSafetensors', parameter, expected, got });
}

function checkWritable(name: string, tensor: SafetensorsTensor, members: ReadonlyMap<string, string>): void {
  const fault = name === metadataName ? 'a name other than the metadata has' : nameFault(name);
  if (fault !== undefined) throw unwritable('tensors', fault, quoted(name));
  if (members.has(name)) throw unwritable('tensors', 'every name once', `${quoted(name)} again`);
  for (const size of tensor.shape) requireInteger('writeSafetensors', `tensor ${quoted(name)}, shape`, size, 0);
  const size = elementCount(tensor.shape) * elementBytes[tensor.dtype];
  if (tensor.bytes.length !== size) {
    const expected = `${size} bytes for ${tensor.dtype} ${describe(tensor.shape)}`;
    throw unwritable(`tensor ${quoted(name)}`, expected, `${tensor.bytes.length}`);
  }
}

function metadataText(metadata: Readonly<Record<string, string>>): string {
  for (const name of Object.keys(metadata)) {
    const fault = nameFault(name);
    if (fault !== undefined) throw unwritable('metadata', fault, quoted(name));
  }
  return JSON.stringify(metadata);
}

/** Written member by member: an object would put names that are numbers first. */
function headerBytes(members: ReadonlyMap<string, string>): Uint8Array {
  const text = Array.from(members, ([name, value]) => `${JSON.stringify(name)}:${value}`).join(',');
  const unpadded = new TextEncoder().encode(`{${text}}`);
  const header = new Uint8Array(Math.ceil(unpadded.length / dataAlignment) * dataAlignment).fill(' '.charCodeAt(0));
  header.set(unpadded);
  return header;
}
