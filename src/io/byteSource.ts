import { kindOf } from '../arrays.js';
import { FormatError, ICError, ShapeError } from '../errors.js';
import { systemWords } from './systemError.js';

/** A file's bytes, read in order and in pieces: from memory, a `File`, a network connection, a disk. */
export interface ByteSource {
  /** For errors. */
  readonly name: string;
  /** Bytes in all; undefined where that shows only at the end. */
  readonly size: number | undefined;
  /**
   * Fills `target` with the bytes from `offset` on, which is never before the end of an earlier read.
   *
   * @returns how many there were: less than asked for only at the end
   */
  read(offset: number, target: Uint8Array): Promise<number>;
  /** Frees what the source holds; a read under way then ends. */
  close(): Promise<void>;
}

/** What can be read as a file: bytes, a `File` or another `Blob`, the address of one, or any {@link ByteSource}. */
export type FileLike = Uint8Array | Blob | URL | ByteSource;

/** How a source of bytes is opened. */
export interface OpenOptions {
  /** The file's name, for errors; its own where it has one. */
  readonly name?: string;
  /** Ends reading with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a file for reading in pieces. The body of a URL is taken as it arrives, in one request.
 *
 * @throws ShapeError for what is none of these; FormatError where the server answers with an error, ICError where none answers;
 *   the signal's reason
 */
export async function openBytes(file: FileLike, options: OpenOptions = {}): Promise<ByteSource> {
  if (kindOf(file) === 'Uint8Array') return memorySource(file as Uint8Array, options.name ?? 'bytes');
  if (file instanceof Blob) return blobSource(file, options.name ?? nameOfBlob(file));
  if (file instanceof URL) return urlSource(file, options);
  if (typeof (file as Partial<ByteSource> | undefined)?.read === 'function') return file as ByteSource;
  const expected = 'a Uint8Array, a Blob, a URL or a source of bytes';
  throw new ShapeError({ operation: 'openBytes', parameter: 'file', expected, got: `a value of ${kindOf(file)}` });
}

function memorySource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, target) {
      const piece = bytes.subarray(offset, offset + target.length);
      target.set(piece);
      return piece.length;
    },
    async close() {},
  };
}

function nameOfBlob(blob: Blob): string {
  const { name } = blob as Partial<File>;
  return name ?? 'blob';
}

function blobSource(blob: Blob, name: string): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, target) {
      const piece = new Uint8Array(await blob.slice(offset, offset + target.length).arrayBuffer());
      target.set(piece);
      return piece.length;
    },
    async close() {},
  };
}

async function urlSource(
  url: URL,
  { name = url.pathname.split('/').at(-1)!, signal }: OpenOptions,
): Promise<ByteSource> {
  const response = await fetch(url, signal ? { signal } : {}).catch((cause: Error) => {
    if (signal?.aborted) throw cause;
    const got = systemWords(cause.cause ?? cause);
    throw new ICError({ operation: 'openBytes', parameter: url.href, expected: 'an answer', got }, { cause });
  });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    const got = `status ${response.status} ${response.statusText}`.trimEnd();
    throw new FormatError({ operation: 'openBytes', parameter: url.href, expected: 'a file', got });
  }
  return streamSource(response.body.getReader(), name, bodyBytes(response));
}

/** The body's length; what a compressed one unfolds to is not known. */
function bodyBytes({ headers }: Response): number | undefined {
  const length = Number(headers.get('content-length') ?? Number.NaN);
  return headers.get('content-encoding') === null && Number.isSafeInteger(length) ? length : undefined;
}

function streamSource(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  name: string,
  size: number | undefined,
): ByteSource {
  let position = 0;
  let piece = new Uint8Array();

  /** Makes sure that `piece` holds something; false at the end. */
  async function more(): Promise<boolean> {
    while (piece.length === 0) {
      const { done, value } = await reader.read().catch((cause: Error) => {
        throw new ICError(
          { operation: 'read', parameter: name, expected: 'the rest of it', got: systemWords(cause.cause ?? cause) },
          { cause },
        );
      });
      if (done) return false;
      piece = value as Uint8Array<ArrayBuffer>;
    }
    return true;
  }

  async function take(length: number, use: (bytes: Uint8Array, at: number) => void): Promise<number> {
    let taken = 0;
    while (taken < length && (await more())) {
      const bytes = piece.subarray(0, length - taken);
      use(bytes, taken);
      taken += bytes.length;
      piece = piece.subarray(bytes.length);
    }
    position += taken;
    return taken;
  }

  return {
    name,
    size,
    async read(offset, target) {
      await take(offset - position, () => {});
      return take(target.length, (bytes, at) => target.set(bytes, at));
    },
    // A stream that has failed has nothing left to free.
    close: () => reader.cancel().catch(() => {}),
  };
}
