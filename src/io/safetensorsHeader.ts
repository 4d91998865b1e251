import { FormatError } from '../errors.js';
import { type JsonValue, parseJson } from './json.js';

/** Bytes of an element. */
export const elementBytes = {
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

/** What a header says of a tensor. */
export interface SafetensorsEntry {
  /** The elements' type. */
  readonly dtype: SafetensorsType;
  /** Row-major, the last index runs fastest; empty for a single number. */
  readonly shape: readonly number[];
  /** Bytes [begin, end) of the data, which follow the header. */
  readonly begin: number;
  /** The byte behind the last. */
  readonly end: number;
}

/** A header: names in its order. */
export interface SafetensorsHeader {
  readonly metadata: Record<string, string>;
  readonly tensors: Map<string, SafetensorsEntry>;
  /** Bytes of all tensors, which lie one behind the other. */
  readonly dataBytes: number;
}

/** Bytes ahead of the header: its length, little-endian. */
export const lengthBytes = 8;
export const metadataName = '__metadata__';

/** What the reference implementation allows. */
const longestHeader = 100_000_000;

/**
 * The length that the first eight bytes of a file give its header.
 *
 * @param fileBytes of the whole file, where that is known
 * @throws FormatError where that is longer than the file or than 100 MB
 */
export function headerLength(bytes: Uint8Array, fileBytes: number | undefined, name: string): number {
  const where = `${name}, header length`;
  if (bytes.byteLength < lengthBytes) throw failure(where, `${lengthBytes} bytes`, `${bytes.byteLength}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const longest = Math.min((fileBytes ?? Number.POSITIVE_INFINITY) - lengthBytes, longestHeader);
  if (length > BigInt(longest)) throw failure(where, `at most ${longest}`, `${length}`);
  return Number(length);
}

/**
 * Parses the header of a safetensors file.
 *
 * @param dataBytes behind the header, where that is known
 * @param name the file's name, for errors
 * @throws FormatError saying where in the file: a header that is not UTF-8, not JSON or not an object; a name given twice
 *   or `__proto__`; metadata that is no string; an unknown element type; a shape or offsets that are no counts, do not
 *   agree or lie outside the file; bytes that belong to two tensors or to none
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number | undefined, name: string): SafetensorsHeader {
  const tensors = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = {};
  for (const [key, value] of members(bytes, name)) {
    if (key === metadataName) metadata = parseMetadata(value, name);
    else tensors.set(key, parseTensor(key, value, dataBytes, name));
  }
  return { metadata, tensors, dataBytes: checkCoverage(tensors, dataBytes, name) };
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'readSafetensors', parameter, expected, got });
}

/** Names and values come from the file: they are quoted, and cut where they are long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

export function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Map) return 'an object';
  if (Array.isArray(value)) return describeArray(value);
  return typeof value === 'string' ? quoted(value) : `${value}`;
}

function describeArray(items: readonly JsonValue[]): string {
  const short = items.length <= 8 && !items.some(Array.isArray);
  return short ? `[${items.map(describe)}]` : `an array of ${items.length}`;
}

function members(bytes: Uint8Array, name: string): ReadonlyMap<string, JsonValue> {
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
export function nameFault(name: string): string | undefined {
  // Harmless in a map, but not in the plain object that a caller may copy the names to.
  if (name === '__proto__') return 'a name that plain objects can hold';
  return /\p{Surrogate}/u.test(name) ? 'a name without half of a surrogate pair' : undefined;
}

function checkName(name: string, where: string): void {
  const fault = nameFault(name);
  if (fault !== undefined) throw failure(where, fault, quoted(name));
}

function parseTensor(key: string, value: JsonValue, dataBytes: number | undefined, name: string): SafetensorsEntry {
  const where = `${name}, tensor ${quoted(key)}`;
  if (!(value instanceof Map)) throw failure(where, 'an object', describe(value));
  const dtype = parseType(value.get('dtype'), `${where}, dtype`);
  const shape = parseCounts(value.get('shape'), `${where}, shape`);
  const [begin, end] = parseOffsets(value.get('data_offsets'), dataBytes, `${where}, data_offsets`);
  const size = elementCount(shape) * elementBytes[dtype];
  if (!Number.isSafeInteger(size)) throw failure(`${where}, shape`, 'a size below 2^53 bytes', describe(shape));
  if (end - begin !== size) {
    throw failure(`${where}, data_offsets`, `${size} bytes for ${dtype} ${describe(shape)}`, `${end - begin}`);
  }
  return { dtype, shape, begin, end };
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

function parseOffsets(
  value: JsonValue | undefined,
  dataBytes: number | undefined,
  where: string,
): readonly [number, number] {
  const offsets = parseCounts(value, where);
  const [begin, end] = offsets;
  if (offsets.length !== 2 || begin! > end! || end! > (dataBytes ?? Number.POSITIVE_INFINITY)) {
    const within = dataBytes === undefined ? '' : `, within ${dataBytes} bytes`;
    throw failure(where, `[begin, end] in order${within}`, describe(offsets));
  }
  return [begin!, end!];
}

/** The product of a shape; not finite or not a safe integer where it is too large, whatever is multiplied after. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, size) => (Number.isSafeInteger(count) ? count * size : count), 1);
}

/** The format wants every byte of the data in one tensor, and in one only. Returns how many there are. */
function checkCoverage(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  dataBytes: number | undefined,
  name: string,
): number {
  const spans = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [tensor, { begin, end }] of spans) {
    if (begin !== covered) {
      const where = `${name}, tensor ${quoted(tensor)}, data_offsets`;
      throw failure(where, `to begin at ${covered}, where the tensor before it ends`, `${begin}`);
    }
    covered = end;
  }
  if (covered !== (dataBytes ?? covered)) {
    throw failure(`${name}, data`, `${covered} bytes, all in tensors`, `${dataBytes}`);
  }
  return covered;
}
