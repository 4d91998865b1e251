import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FormatError, ICError } from '../../src/errors.js';
import { FileError, fileError, readWhole } from '../../src/io/fileError.js';
import { fileKind } from '../../src/io/fileKind.js';
import { openFile } from '../../src/io/openFile.js';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.js';
import { initialParameters } from '../../src/models/initialise.js';
import { networkByName } from '../../src/models/networkByName.js';
import { encodeOnnx } from '../../src/onnx/encode.js';
import { openWeights } from '../../src/weights/weightsFile.js';
import { idxFile } from './files.js';

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

const red = sharp({ create: { width: 6, height: 4, channels: 3, background: 'red' } });
const network = networkByName('ic-resnet8', { width: 4 });
const tensors = [['a', { dtype: 'U8', shape: [300], bytes: new Uint8Array(300) }]] as const;

const files: Record<string, Uint8Array> = {
  'a PNG picture': await red.clone().png().toBuffer(),
  'a JPEG picture': await red.clone().jpeg().toBuffer(),
  'a WebP picture': await red.clone().webp().toBuffer(),
  'a GIF picture': await red.clone().gif().toBuffer(),
  'a TIFF picture': await red.clone().tiff().toBuffer(),
  'an AVIF or HEIC picture': await red.clone().avif().toBuffer(),
  'an ONNX model': encodeOnnx(network, initialParameters(network, 1)),
  'an IDX file': idxFile([3], new Uint8Array(3)),
  'a gzip archive': gzipSync('content'),
  'a zip archive': bytesOf('PK\u0003\u0004 and so on'),
  'a pickle': bytesOf('\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019.'),
  'an HDF5 file': bytesOf('\u0089HDF\r\n\u001a\n\0\0\0\0'),
  'a NumPy array': bytesOf('\u0093NUMPY\u0001\0v\0'),
  'a tar archive': bytesOf(`data/${'\0'.repeat(252)}ustar\0`),
  'a Git LFS pointer': bytesOf('version https://git-lfs.github.com/spec/v1\noid sha256:0'),
  'a web page': bytesOf('\n<!DOCTYPE HTML><html>'),
  'an SVG drawing': bytesOf('<svg xmlns="http://www.w3.org/2000/svg"/>'),
  JSON: bytesOf(' {"a": 1}'),
  'a text': bytesOf('127.0.0.1\tlocalhost\n'),
  'an empty file': new Uint8Array(),
};

describe('The kind of a file', () => {
  it.each(Object.entries(files))('is told by its first bytes: %s', (kind, bytes) => {
    expect(fileKind(bytes)).toMatch(new RegExp(`^${kind}`));
  });

  it('is that of weights where they are some, and not known for what may be anything', () => {
    expect(fileKind(writeSafetensors(tensors))).toBe('a safetensors file');
    expect(fileKind(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9))).toBeUndefined();
  });

  it.each(Object.entries(files))('is said where it is taken for weights: %s', async (kind, bytes) => {
    const words = `w.bin: expected a safetensors file, got ${kind}`;
    expect(() => readSafetensors(bytes, 'w.bin')).toThrow(words);
    await expect(openWeights(bytes, { name: 'w.bin' })).rejects.toThrow(words);
    await expect(openWeights(bytes, { name: 'w.bin' })).rejects.toBeInstanceOf(FormatError);
  });

  it('does not keep weights from being read that begin as another kind does', async () => {
    // A header of 559,903 bytes has the first eight of a gzip file without a time.
    const length = 0x088b1f;
    const header = `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`.padEnd(length);
    const bytes = new Uint8Array(8 + length + 1);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
    bytes.set(bytesOf(header), 8);
    expect([...bytes.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    expect(readSafetensors(bytes).tensors.size).toBe(1);
    expect((await openWeights(bytes)).tensors.size).toBe(1);
  });

  it('is left to the reader where weights are broken', () => {
    const broken = writeSafetensors(tensors).subarray(0, 100);
    expect(() => readSafetensors(broken, 'w')).toThrow(/^readSafetensors: w, /);
  });
});

describe('What the file system says', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'files-'));
    await writeFile(join(folder, 'file'), 'x');
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ['none', 'nothing of that name', 'ENOENT'],
    ['file/in', 'a path through a file', 'ENOTDIR'],
    ['.', 'a folder', 'EISDIR'],
    ['x'.repeat(300), 'a name that is too long', 'ENAMETOOLONG'],
  ])('becomes a sentence: %s', async (name, words, code) => {
    const path = join(folder, name);
    const error = await readWhole('read', path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toBeInstanceOf(ICError);
    expect(error).toMatchObject({
      name: 'FileError',
      code,
      message: `read: ${path}: expected a file that can be read, got ${words}`,
    });
    await expect(openFile(path)).rejects.toThrow(`openFile: ${path}: expected a file that can be read, got ${words}`);
  });

  it('names the file that the system names, and leaves other errors alone', async () => {
    const error = await readFile(join(folder, 'none')).catch((reason: unknown) => reason);
    expect(fileError(error, { operation: 'icnet' })).toMatchObject({ parameter: join(folder, 'none') });
    const other = new TypeError('x');
    expect(fileError(other, { operation: 'icnet' })).toBe(other);
    expect(fileError(undefined, { operation: 'icnet' })).toBeUndefined();
  });
});
