import { writeBuffer } from '../device/buffers.js';
import { guard } from '../device/errorScopes.js';
import { FormatError } from '../errors.js';
import type { ParameterSpec } from '../graph/parameters.js';
import type { NetworkState } from '../graph/state.js';
import { type PlacedParameter, placeRows, toMemory } from '../graph/stateLayout.js';
import { findFault } from '../graph/stateValues.js';
import { type Used, using } from '../graph/uses.js';
import type { FileLike } from '../io/byteSource.js';
import { decodeFloatsInto } from '../io/floats.js';
import { elementBytes, type SafetensorsEntry } from '../io/safetensorsHeader.js';
import { initialParameters } from '../models/initialise.js';
import { matchWeights, type WeightsMapping, type WeightsMatch } from './match.js';
import { isWeightsFile, openWeights, type WeightsFile } from './weightsFile.js';

/** How far loading is. */
export interface LoadProgress {
  /** Bytes of tensors that were read, and those that are to be. */
  readonly bytes: number;
  /** Of all tensors that are to be read. */
  readonly totalBytes: number;
  /** The tensor in work, by the file's name. */
  readonly tensor: string;
}

export interface LoadWeightsOptions extends WeightsMapping {
  /** Decides what starts afresh; 1 where left out. */
  readonly seed?: number;
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Ends loading with its reason; the state is then partly written. */
  readonly signal?: AbortSignal;
}

/** What became of the entries of a network and the tensors of a file. */
export type LoadReport = Pick<WeightsMatch, 'fresh' | 'kept' | 'unused'> & {
  /** Entries that came from the file. */
  readonly loaded: readonly string[];
};

/** Bytes of a file that are in work at once, at the least one row of a tensor. */
const chunkBytes = 4 * 2 ** 20;
/** Bytes that may wait for the device: its driver holds a copy until it has them. */
const queuedBytes = 8 * 2 ** 20;

/**
 * Loads weights into a network's state: a safetensors file with PyTorch's names and layouts, as torchvision and timm
 * publish them, in float32, float16, bfloat16 or float64. The file goes to the GPU piece by piece: the host holds one
 * tensor and a few megabytes at a time.
 *
 * Every tensor of the file must have its entry in the network and the other way round, but for what the mapping in
 * `options` says; counters of batches alone may be missing. Nothing is written where they do not match. Where the file
 * breaks off or a number in it is refused later, the state holds what had been read until then. Nobody else can use the state,
 * or an opened file, meanwhile.
 *
 * @throws FormatError saying where the file is broken, and listing what does not match; a number that is not finite and a
 *   negative running variance are refused. ShapeError where `file` is nothing that can be read, UnsupportedError for a mapping that names what is not there, BusyError while
 *   another call is at work with the state or the opened file, DisposedError, DeviceLostError, what reading the file throws, and the signal's
 *   reason
 */
export async function loadWeights(
  state: NetworkState,
  file: FileLike | WeightsFile,
  options: LoadWeightsOptions = {},
): Promise<LoadReport> {
  const used: readonly Used[] = [{ thing: state, name: 'state', use: 'write' }, ...usedFile(file)];
  return using('loadWeights', used, () => openAndLoad(state, file, options));
}

/** A file that is read as a stream has room for one reader. */
export function usedFile(file: FileLike | WeightsFile): Used[] {
  const source = isWeightsFile(file) ? file.source : file;
  // What is no file at all is refused where it is opened.
  const isStream = typeof source === 'object' && source !== null && 'close' in source;
  return isStream ? [{ thing: source, name: source.name, use: 'write' }] : [];
}

async function openAndLoad(
  state: NetworkState,
  file: FileLike | WeightsFile,
  options: LoadWeightsOptions,
): Promise<LoadReport> {
  const { signal } = options;
  signal?.throwIfAborted();
  const opened = isWeightsFile(file) ? file : await openWeights(file, signal ? { signal } : {});
  // Closing ends a read that waits for the network.
  const stop = (): void => void opened.source.close().catch(() => {});
  signal?.addEventListener('abort', stop);
  try {
    state.assertUsable('loadWeights');
    const match = matchWeights(state.network, opened, options);
    await loadMatched(state, opened, match, options);
    return { ...match, loaded: match.loads.map(({ spec }) => spec.name) };
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await opened.source.close();
  }
}

async function loadMatched(
  state: NetworkState,
  file: WeightsFile,
  { loads, fresh }: WeightsMatch,
  { seed = 1, onProgress, signal }: LoadWeightsOptions,
): Promise<void> {
  const totalBytes = loads.reduce((sum, { tensor }) => sum + tensor.end - tensor.begin, 0);
  let bytes = 0;
  let batchesTracked = 0;
  const upload = uploader(state);
  const reader = rowReader(file);
  try {
    for (const { name, tensor, spec } of loads) {
      const place = upload.places.get(spec.name);
      const memory = upload.room(place?.count ?? 1);
      await reader.read(name, tensor, spec, (rows, firstRow) => {
        signal?.throwIfAborted();
        if (place) placeRows(place, rows, firstRow, memory);
        else batchesTracked = Math.max(batchesTracked, rows[0]!);
        bytes += rows.length * elementBytes[tensor.dtype];
        onProgress?.({ bytes, totalBytes, tensor: name });
      });
      if (place) await upload.write(place, memory);
    }
    await reader.expectEnd();
    state.batchesTracked = batchesTracked;
    const started = initialParameters(state.network, seed, (name) => fresh.includes(name));
    for (const [name, values] of started) {
      const place = upload.places.get(name)!;
      await upload.write(place, toMemory(place, values));
    }
  } finally {
    state.version++;
  }
}

/** Brings tensors in memory's layout to the device, not more at once than {@link queuedBytes}. */
function uploader({ device, layout, trained, statistics }: NetworkState) {
  const places = new Map<string, PlacedParameter>();
  for (const place of [...layout.trained, ...layout.statistics]) places.set(place.name, place);
  const isTrained = new Set(layout.trained);
  // One that grew with the tensors would leave all its former sizes to the garbage collector.
  const scratch = new Float32Array(Math.max(0, ...Array.from(places.values(), ({ count }) => count)));
  let queued = 0;
  return {
    places,
    /** Memory for a tensor, good until the next one is asked for. */
    room: (count: number): Float32Array => scratch.subarray(0, count),
    async write(place: PlacedParameter, memory: Float32Array): Promise<void> {
      const buffer = isTrained.has(place) ? trained : statistics;
      const step = queuedBytes / 4;
      for (let start = 0; start < memory.length; start += step) {
        const piece = memory.subarray(start, start + step) as Float32Array<ArrayBuffer>;
        if (queued + piece.byteLength > queuedBytes) {
          await device.queue.onSubmittedWorkDone();
          queued = 0;
        }
        await guard(device, 'loadWeights', () => writeBuffer(device, buffer, piece, (place.offset + start) * 4));
        queued += piece.byteLength;
      }
    },
  };
}

/** Reads tensors of a file as float32, some rows at a time, and looks at every number. */
export function rowReader({ name: fileName, source, dataStart, dataBytes }: WeightsFile) {
  let chunk = new Uint8Array(chunkBytes);
  let values = new Float32Array();

  async function read(
    name: string,
    { dtype, shape, begin, end }: SafetensorsEntry,
    spec: ParameterSpec,
    use: (rows: Float32Array, firstRow: number) => void,
  ): Promise<void> {
    const rows = shape[0] ?? 1;
    const rowBytes = (end - begin) / rows;
    const rowsAtOnce = Math.max(1, Math.floor(chunkBytes / rowBytes));
    for (let row = 0; row < rows; row += rowsAtOnce) {
      const length = Math.min(rowsAtOnce, rows - row) * rowBytes;
      if (chunk.length < length) chunk = new Uint8Array(length);
      const bytes = chunk.subarray(0, length);
      const got = await source.read(dataStart + begin + row * rowBytes, bytes);
      if (got < length) {
        throw failure(`${fileName}, tensor ${name}`, `${end - begin} bytes`, `${row * rowBytes + got}, then the end`);
      }
      const count = length / elementBytes[dtype];
      if (values.length < count) values = new Float32Array(Math.max(count, chunkBytes / elementBytes[dtype]));
      const decoded = dtype === 'I64' ? Float32Array.of(countFrom(bytes)) : decodeFloatsInto(dtype, bytes, values);
      checkValues(`${fileName}, tensor ${name}`, spec, decoded, (row * rowBytes) / elementBytes[dtype]);
      use(decoded, row);
    }
  }

  return {
    read,
    /** Where the length was not known beforehand, nothing may follow. */
    async expectEnd(): Promise<void> {
      if (source.size !== undefined) return;
      const more = await source.read(dataStart + dataBytes, new Uint8Array(1));
      if (more > 0) throw failure(`${fileName}, data`, `${dataBytes} bytes, all in tensors`, 'more');
    },
  };
}

function countFrom(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0, true));
}

function checkValues(where: string, spec: ParameterSpec, values: Float32Array, firstElement: number): void {
  const fault = findFault(spec, values);
  if (fault) throw failure(`${where}, element ${firstElement + fault.element}`, fault.expected, fault.got);
}

function failure(parameter: string, expected: string, got: string): FormatError {
  return new FormatError({ operation: 'loadWeights', parameter, expected, got });
}
