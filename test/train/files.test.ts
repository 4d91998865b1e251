import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { loadCheckpoint } from '../../src/train/files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

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
