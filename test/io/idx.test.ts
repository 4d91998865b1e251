import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { FormatError, LimitError, UnsupportedError } from '../../src/errors.js';
import { readIdx } from '../../src/io/idx.js';
import { idxFile } from './files.js';

const pixels = Uint8Array.from({ length: 2 * 3 * 4 }, (_, index) => index * 7);

async function refusal(file: Uint8Array): Promise<FormatError> {
  const error = await readIdx(file, 'images').catch((reason: unknown) => reason);
  if (!(error instanceof FormatError)) throw new Error(`got ${error}`);
  return error;
}

describe('readIdx', () => {
  it.each(['plain', 'gzip'])('reads a %s file', async (form) => {
    const plain = idxFile([2, 3, 4], pixels);
    const array = await readIdx(form === 'gzip' ? gzipSync(plain) : plain, 'images');
    expect(array).toEqual({ shape: [2, 3, 4], data: pixels });
  });

  it('reads what lies within a larger buffer, without a copy', async () => {
    const file = idxFile([24], pixels);
    const outer = Buffer.alloc(file.length + 6);
    outer.set(file, 3);
    const { data } = await readIdx(outer.subarray(3, 3 + file.length), 'labels');
    expect(data).toEqual(pixels);
    expect(data.buffer).toBe(outer.buffer);
  });

  it('reads a gzip file of many slices and chunks', async () => {
    const noise = Uint8Array.from({ length: 200_000 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 24);
    const { data } = await readIdx(gzipSync(idxFile([200, 1000], noise)), 'images');
    expect(data).toEqual(noise);
  });

  it.each(['plain', 'gzip'])('refuses truncated and overlong %s files', async (form) => {
    const pack = (file: Uint8Array) => (form === 'gzip' ? gzipSync(file) : file);
    const file = idxFile([2, 3, 4], pixels);
    expect((await refusal(pack(file.subarray(0, file.length - 1)))).got).toBe('39');
    expect((await refusal(pack(file.subarray(0, 10)))).parameter).toBe('images, dimensions');
    expect((await refusal(pack(file.subarray(0, 3)))).parameter).toBe('images, magic');
    expect((await refusal(pack(Uint8Array.of(...file, 0)))).got).toBe('more');
  });

  it('refuses an empty file', async () => {
    expect((await refusal(new Uint8Array())).got).toBe('an empty file');
  });

  it('refuses what is no IDX file', async () => {
    for (const magic of [
      [1, 0, 8, 1],
      [0, 1, 8, 1],
      [0, 0, 7, 1],
      [0, 0, 8, 0],
    ]) {
      expect((await refusal(Uint8Array.of(...magic, 0, 0, 0, 1, 5))).parameter).toBe('images, magic');
    }
  });

  it('says what else a file is', async () => {
    expect((await refusal(new TextEncoder().encode('<!DOCTYPE html>'))).got).toBe('a web page');
  });

  it('names the element type that it does not read', async () => {
    const floats = Uint8Array.of(0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0);
    await expect(readIdx(floats, 'images')).rejects.toThrow(UnsupportedError);
    await expect(readIdx(floats, 'images')).rejects.toThrow(/expected unsigned bytes, got 32-bit floats/);
  });

  it.each(['plain', 'gzip'])('refuses absurd dimensions of a %s file', async (form) => {
    const pack = (file: Uint8Array) => (form === 'gzip' ? gzipSync(file) : file);
    const largest = 2 ** 32 - 1;
    for (const shape of [[0], [3, 0]]) {
      expect((await refusal(pack(idxFile(shape, pixels)))).parameter).toBe('images, dimensions');
    }
    for (const shape of [[2 ** 31 + 1], [largest, largest, largest], Array(255).fill(largest)]) {
      expect((await refusal(pack(idxFile(shape, pixels)))).parameter).toBe('images, data');
    }
  });

  it('refuses a gzip file that expands to more than it may, before it does', async () => {
    const noughts = 3000;
    const file = gzipSync(idxFile([noughts], new Uint8Array(noughts)));
    const end = noughts + 8;
    expect((await readIdx(file, 'images', { maxBytes: end })).data.length).toBe(noughts);
    const refused = await readIdx(file, 'images', { maxBytes: end - 1 }).catch((reason: unknown) => reason);
    expect(refused).toBeInstanceOf(LimitError);
    expect(refused).toMatchObject({ parameter: 'images, data', got: `${end}` });
    expect((refused as LimitError).expected).toContain('maxBytes');
    // Plain files are in memory already.
    expect((await readIdx(idxFile([24], pixels), 'images', { maxBytes: 1 })).data).toEqual(pixels);
    // A gigabyte and more out of a megabyte and more is possible.
    const bomb = gzipSync(Buffer.concat([idxFile([2 ** 31], pixels), new Uint8Array(3 * 2 ** 20)]));
    const claims = Buffer.concat([bomb, new Uint8Array(3 * 2 ** 20)]);
    await expect(readIdx(claims, 'images')).rejects.toBeInstanceOf(LimitError);
  });

  it('expands a gzip file no further than its header says', async () => {
    const bomb = gzipSync(idxFile([16], new Uint8Array(64 * 2 ** 20)));
    const read = vi.spyOn(ReadableStreamDefaultReader.prototype, 'read');
    expect((await refusal(bomb)).got).toBe('more');
    // Once for the header, once for the data; all of it would take thousands.
    expect(read).toHaveBeenCalledTimes(2);
    read.mockRestore();
  });

  it('refuses a gzip file that is damaged or cut short', async () => {
    for (const shape of [[24], [3000]]) {
      const file = gzipSync(idxFile(shape, new Uint8Array(shape[0]!)));
      expect((await refusal(file.subarray(0, file.length - 9))).expected).toBe('a whole gzip file');
      const changed = Uint8Array.from(file);
      changed[file.length - 8]! ^= 1;
      expect((await refusal(changed)).expected).toBe('a whole gzip file');
    }
  });

  it('reads a damaged file or says what is wrong with it', async () => {
    const damage = fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { maxLength: 3 });
    const noise = Uint8Array.from({ length: 2400 }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 24);
    await fc.assert(
      fc.asyncProperty(fc.boolean(), damage, fc.nat(3000), async (compressed, changes, length) => {
        const plain = idxFile([2, 30, 40], noise);
        const file = Uint8Array.from(compressed ? gzipSync(plain) : plain);
        for (const [at, value] of changes) file[at % file.length] = value;
        try {
          await readIdx(file.subarray(0, length), 'images');
        } catch (error) {
          if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
