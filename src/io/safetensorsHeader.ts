import { FormatError, LimitError } from '../errors.js';
import { type JsonReader, type JsonScalar, jsonReader } from './json.js';

/** Bytes of an element, of all types that the format has; elements of less than a byte are packed. */
export const elementBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2: 1,
  F8_E5M2FNUZ: 1,
  F8_E8M0: 1,
  F6_E2M3: 0.75,
  F6_E3M2: 0.75,
  F4: 0.5,
  C64: 8,
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

/** The element types of a safetensors file. Only F64, F32, F16 and BF16 become numbers to compute with. */
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
const longestOfFormat = 100_000_000;
/** What is read of it: room for the 100,000 members that an object may have. */
const longestHeader = 2 ** 24;
const highestRank = 8;

/**
 * The length that the first eight bytes of a file give its header.
 *
 * @param fileBytes of the whole file, where that is known
 * @throws FormatError where that is longer than the file or than the format's 100 MB, LimitError for more than 16 MiB
 */
export function headerLength(bytes: Uint8Array, fileBytes: number | undefined, name: string): number {
  const where = `${name}, header length`;
  if (bytes.byteLength < lengthBytes) throw failure(where, `${lengthBytes} bytes`, `${bytes.byteLength}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const longest = Math.min((fileBytes ?? Number.POSITIVE_INFINITY) - lengthBytes, longestOfFormat);
  if (length > BigInt(longest)) throw failure(where, `at most ${longest}`, `${length}`);
  if (length > BigInt(longestHeader)) throw beyond(where, `at most ${longestHeader} bytes`, `${length}`);
  return Number(length);
}

/**
 * Parses the header of a safetensors file, which takes no more memory than a small multiple of the header.
 *
 * @param dataBytes behind the header, where that is known
 * @param name the file's name, for errors
 * @throws FormatError saying where in the file: a header that is not UTF-8, not JSON or not an object; a name given twice
 *   or `__proto__`; metadata that is no string; an unknown element type; a shape or offsets that are no counts, do not
 *   agree or lie outside the file; bytes that belong to two tensors or to none. LimitError for more than 100,000 tensors or
 *   metadata, or more than 8 dimensions
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number | undefined, name: string): SafetensorsHeader {
  const where = `${name}, header`;
  if (bytes[0] !== '{'.charCodeAt(0)) throw failure(where, '"{" as its first byte', `${bytes[0] ?? 'nothing'}`);
  const json = jsonReader(decodeText(bytes, where), 'readSafetensors', where);
  const tensors = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = {};
  json.object((key) => {
    checkName(key, where);
    if (key === metadataName) metadata = parseMetadata(json, name);
    else tensors.set(key, parseTensor(json, dataBytes, `${name}, tensor ${quoted(key)}`));
  });
  json.end();
  return { metadata, tensors, dataBytes: checkCoverage(tensors, dataBytes, name) };
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'readSafetensors', parameter, expected, got });
}

function beyond(parameter: string, expected: string, got: string): LimitError {
  return new LimitError({ operation: 'readSafetensors', parameter, expected, got });
}

/** Names come from the file and may hold anything. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

export function describe(shape: readonly number[]): string {
  return `[${shape}]`;
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw failure(where, 'UTF-8', 'bytes that are not');
  }
}

/** Takes the string, number or word that comes next; where there is none it is undefined and nothing is taken. */
function takeScalar(json: JsonReader): JsonScalar | undefined {
  return json.next() === 'scalar' ? json.scalar() : undefined;
}

/** In words, what {@link takeScalar} found. */
function shown(json: JsonReader, taken: JsonScalar | undefined): string {
  return taken === undefined ? `an ${json.next()}` : JSON.stringify(taken);
}

function requireKind(json: JsonReader, kind: 'object' | 'array', where: string, expected: string): void {
  if (json.next() !== kind) throw failure(where, expected, shown(json, takeScalar(json)));
}

function parseMetadata(json: JsonReader, name: string): Record<string, string> {
  const where = `${name}, ${metadataName}`;
  const texts: [string, string][] = [];
  requireKind(json, 'object', where, 'an object');
  json.object((key) => {
    checkName(key, where);
    const text = takeScalar(json);
    if (typeof text !== 'string') throw failure(`${where}, ${quoted(key)}`, 'a string', shown(json, text));
    texts.push([key, text]);
  });
  return Object.fromEntries(texts);
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

function parseTensor(json: JsonReader, dataBytes: number | undefined, where: string): SafetensorsEntry {
  let dtype: SafetensorsType | undefined;
  let shape: readonly number[] | undefined;
  let offsets: readonly number[] | undefined;
  requireKind(json, 'object', where, 'an object');
  json.object((field) => {
    if (field === 'dtype') dtype = parseType(json, `${where}, dtype`);
    else if (field === 'shape') shape = parseCounts(json, `${where}, shape`, highestRank, beyond);
    else if (field === 'data_offsets') offsets = parseCounts(json, `${where}, data_offsets`, 2, failure);
    else json.skip();
  });
  if (dtype === undefined) throw failure(`${where}, dtype`, 'a type', 'nothing');
  if (shape === undefined) throw failure(`${where}, shape`, 'an array of counts', 'nothing');
  const [begin, end] = requireRange(offsets, dataBytes, `${where}, data_offsets`);
  const size = elementCount(shape) * elementBytes[dtype];
  if (!Number.isSafeInteger(size)) {
    throw failure(`${where}, shape`, `a whole number of bytes below 2^53 for ${dtype}`, describe(shape));
  }
  if (end - begin !== size) {
    throw failure(`${where}, data_offsets`, `${size} bytes for ${dtype} ${describe(shape)}`, `${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

function parseType(json: JsonReader, where: string): SafetensorsType {
  const type = takeScalar(json);
  if (typeof type === 'string' && Object.hasOwn(elementBytes, type)) return type as SafetensorsType;
  throw failure(where, Object.keys(elementBytes).join(', '), shown(json, type));
}

/** @param refuse makes the error for more counts than `most` */
function parseCounts(
  json: JsonReader,
  where: string,
  most: number,
  refuse: (parameter: string, expected: string, got: string) => Error,
): readonly number[] {
  const counts: number[] = [];
  requireKind(json, 'array', where, 'an array of counts');
  json.array(() => {
    const count = takeScalar(json);
    if (!isCount(count)) throw failure(where, 'an array of counts', `${shown(json, count)} in it`);
    if (counts.length === most) throw refuse(where, `at most ${most} counts`, 'more');
    counts.push(count);
  });
  return counts;
}

function isCount(value: JsonScalar | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function requireRange(
  offsets: readonly number[] = [],
  dataBytes: number | undefined,
  where: string,
): readonly [number, number] {
  const [begin, end] = offsets;
  if (begin !== undefined && end !== undefined && begin <= end && end <= (dataBytes ?? Number.POSITIVE_INFINITY)) {
    return [begin, end];
  }
  const within = dataBytes === undefined ? '' : `, within ${dataBytes} bytes`;
  throw failure(where, `[begin, end] in order${within}`, describe(offsets));
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
