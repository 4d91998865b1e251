import { FormatError } from '../errors.js';
import { type ByteSource, type FileLike, type OpenOptions, openBytes } from '../io/byteSource.js';
import { kindBytes, namingKind } from '../io/fileKind.js';
import { headerLength, lengthBytes, parseHeader, type SafetensorsEntry } from '../io/safetensorsHeader.js';

/** A safetensors file of which the header has been read, and nothing else yet. */
export interface WeightsFile {
  /** For errors. */
  readonly name: string;
  /** Texts by name; empty where there are none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Type, shape and place, by name. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** Bytes of all tensors. */
  readonly dataBytes: number;
  /** Where in the source the tensors' bytes start. */
  readonly dataStart: number;
  /** Where the bytes come from. */
  readonly source: ByteSource;
}

/** Whether a file is opened already. */
export function isWeightsFile(file: FileLike | WeightsFile): file is WeightsFile {
  return typeof file === 'object' && file !== null && 'tensors' in file;
}

/**
 * Opens a file of weights and reads its header. `loadWeights` closes it; who does not load closes its `source`.
 *
 * @throws FormatError where it is no safetensors file, saying what else it is or where it is broken; ShapeError where `file` is
 *   nothing that can be read; what reading it throws; the signal's reason
 */
export async function openWeights(file: FileLike, options: OpenOptions = {}): Promise<WeightsFile> {
  const source = await openBytes(file, options);
  try {
    return await readHeader(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function readHeader(source: ByteSource): Promise<WeightsFile> {
  const { name, size } = source;
  const start = await readUpTo(source, 0, lengthBytes);
  let header: Uint8Array | undefined;
  try {
    const length = headerLength(start, size, name);
    header = await readUpTo(source, lengthBytes, length);
    if (header.length < length) throw failure(`${name}, header`, `${length} bytes`, `${header.length}`);
    const dataStart = lengthBytes + length;
    const parsed = parseHeader(header, size === undefined ? undefined : size - dataStart, name);
    return { name, ...parsed, dataStart, source };
  } catch (error) {
    const more = header?.subarray(0, kindBytes) ?? (await readUpTo(source, start.length, kindBytes));
    throw namingKind(error, Uint8Array.of(...start, ...more), 'openWeights', name, 'a safetensors file');
  }
}

async function readUpTo(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, await source.read(offset, bytes));
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'openWeights', parameter, expected, got });
}
