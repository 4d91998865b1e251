import { requireKind } from '../arrays.js';
import { FormatError, LimitError, UnsupportedError } from '../errors.js';
import { fileKind } from './fileKind.js';

/** An IDX array of unsigned bytes, the last index running fastest. */
export interface IdxArray {
  /** Row-major, the last index runs fastest. */
  readonly shape: readonly number[];
  /** The elements, a byte each. */
  readonly data: Uint8Array;
}

const unsignedByte = 0x08;
const otherTypes = new Map([
  [0x09, 'signed bytes'],
  [0x0b, '16-bit integers'],
  [0x0c, '32-bit integers'],
  [0x0d, '32-bit floats'],
  [0x0e, '64-bit floats'],
]);

/** Magic and 255 dimensions, the most that the rank's byte can say. */
const longestHeader = 4 + 4 * 255;
/** Magic and as many dimensions as images have. */
const shapeBytes = 4 + 4 * 4;
/** One GiB. */
export const usualMaxBytes = 2 ** 30;
/** Deflate cannot do better than 258 bytes for two bits. */
const greatestExpansion = 1032;
/** Fed in slices: an engine may expand a whole chunk before it can be stopped. */
const sliceBytes = 1 << 16;

/** How much is read. */
export interface IdxOptions {
  /** Bytes that a gzip file may expand to, 1 GiB where left out. */
  readonly maxBytes?: number;
}

/**
 * Reads an IDX file of unsigned bytes, plain or gzip. A gzip file is expanded no further than its header says. The data of
 * a plain file is a view into `bytes`.
 *
 * @param name the file's name, for errors
 * @throws FormatError for a file that is truncated, too long, or no IDX or gzip file
 * @throws LimitError for a gzip file whose header says that it expands to more than `maxBytes`, before it does
 * @throws UnsupportedError for an IDX file of another element type
 * @throws ShapeError for no Uint8Array
 */
export async function readIdx(
  bytes: Uint8Array,
  name: string,
  { maxBytes = usualMaxBytes }: IdxOptions = {},
): Promise<IdxArray> {
  requireKind('readIdx', name, bytes, 'Uint8Array');
  const compressed = isGzip(bytes);
  const content = async (limit: number) => (compressed ? inflate(bytes, limit, name) : bytes);
  const { shape, start, end } = readHeader(await content(longestHeader), name);
  const where = `${name}, data`;
  const largest = bytes.length * greatestExpansion;
  if (end > largest) throw failure(where, `${end} bytes in all for [${shape}]`, `at most ${largest}`);
  if (compressed && end > maxBytes) {
    const expected = `at most ${maxBytes} bytes, or more by maxBytes (--max-bytes)`;
    throw new LimitError({ operation: 'readIdx', parameter: where, expected, got: `${end}` });
  }
  const file = await content(end + 1);
  if (file.length !== end) {
    const got = file.length < end ? `${file.length}` : 'more';
    throw failure(where, `${end} bytes in all for [${shape}]`, got);
  }
  return { shape, data: new Uint8Array(file.buffer, file.byteOffset + start, end - start) };
}

/**
 * The shape in the header of an IDX file, plain or gzip.
 *
 * @param start its first bytes; of a gzip file so many that the header is among them
 * @returns undefined where it is no such file
 */
export async function idxShape(start: Uint8Array): Promise<readonly number[] | undefined> {
  try {
    const header = isGzip(start) ? await inflate(start, shapeBytes, 'start') : start;
    const [first, second, type, rank] = header;
    if (first !== 0 || second !== 0 || !isType(type) || !rank) return undefined;
    const words = new DataView(header.buffer, header.byteOffset);
    return Array.from({ length: rank }, (_, index) => words.getUint32(4 + 4 * index));
  } catch {
    return undefined;
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function failure(parameter: string, expected: string, got: string, options?: ErrorOptions): FormatError {
  return new FormatError({ operation: 'readIdx', parameter, expected, got }, options);
}

/** The shape, and where in the file the data starts and ends. */
function readHeader(bytes: Uint8Array, name: string): { shape: number[]; start: number; end: number } {
  const rank = readMagic(bytes, name);
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw failure(`${name}, dimensions`, `${start} bytes of header`, `${bytes.length}`);
  const words = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: rank }, (_, index) => words.getUint32(4 + 4 * index));
  const size = shape.reduce((product, length) => product * length, 1);
  // Every length is 1 or more, so a product that loses bits is far beyond any file.
  if (shape.includes(0)) throw failure(`${name}, dimensions`, '1 or more each', `[${shape}]`);
  return { shape, start, end: start + size };
}

function isType(type: number | undefined): boolean {
  return type === unsignedByte || otherTypes.has(type!);
}

/** The rank; the magic is two zeros, the element type and the rank. */
function readMagic(bytes: Uint8Array, name: string): number {
  const where = `${name}, magic`;
  const [first, second, type, rank] = bytes;
  if (first !== 0 || second !== 0 || !isType(type) || !rank) {
    const got = fileKind(bytes) ?? Array.from(bytes.subarray(0, 4)).join(', ');
    throw failure(where, '0, 0, element type, rank', got);
  }
  if (type !== unsignedByte) {
    const got = otherTypes.get(type!)!;
    throw new UnsupportedError({ operation: 'readIdx', parameter: where, expected: 'unsigned bytes', got });
  }
  return rank;
}

/** The first `limit` bytes of what a gzip file holds, or all of it where that is less. */
async function inflate(bytes: Uint8Array, limit: number, name: string): Promise<Uint8Array> {
  const content = new Uint8Array(Math.min(limit, bytes.length * greatestExpansion));
  let filled = 0;
  const reader = slices(bytes).pipeThrough(new DecompressionStream('gzip')).getReader();
  try {
    while (filled < content.length) {
      const { done, value } = await reader.read();
      if (done) break;
      const part = value.subarray(0, content.length - filled);
      content.set(part, filled);
      filled += part.length;
    }
    await reader.cancel();
  } catch (cause) {
    throw failure(name, 'a whole gzip file', `damage after ${filled} bytes`, { cause });
  }
  return content.subarray(0, filled);
}

function slices(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  let position = 0;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(bytes.subarray(position, position + sliceBytes)));
      position += sliceBytes;
      if (position >= bytes.length) controller.close();
    },
  });
}
