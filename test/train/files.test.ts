import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { loadCheckpoint, writeAtomically } from '../../src/train/files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('writeAtomically', () => {
  it('writes bytes and text, in place of what was there', async () => {
    const path = join(folder, 'file');
    await writeAtomically(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    await writeAtomically(path, 'text');
    expect(await readFile(path, 'utf8')).toBe('text');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('leaves an existing file as it was where the data cannot be written', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'old');
    await expect(writeAtomically(path, { not: 'bytes' } as unknown as string)).rejects.toThrow();
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('leaves nothing beside where the file cannot take its place', async () => {
    const path = join(folder, 'taken');
    await mkdir(join(path, 'inner'), { recursive: true });
    await expect(writeAtomically(path, 'text')).rejects.toThrow();
    expect((await stat(join(path, 'inner'))).isDirectory()).toBe(true);
    expect(await readdir(folder)).toEqual(['taken']);
  });

  it('says what the file system says where there is no such folder', async () => {
    await expect(writeAtomically(join(folder, 'none', 'file'), 'text')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('replaces a file that is only readable', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'old');
    await chmod(path, 0o444);
    await writeAtomically(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
  });
});

describe('loadCheckpoint', () => {
  it('says what the file system says of a missing file', async () => {
    await expect(loadCheckpoint(join(folder, 'none.safetensors'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('names the file that is none', async () => {
    const path = join(folder, 'text.safetensors');
    await writeFile(path, 'not a checkpoint');
    const error = await loadCheckpoint(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toContain(path);
  });
});
