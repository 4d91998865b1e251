import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ICError, UnsupportedError } from '../../src/errors.js';
import { requireWritable, writeResult } from '../../src/terminal/writing.js';

let folder: string;
let lines: string[];
const output = { json: false, say: (line: string) => void lines.push(line), emit: () => {} };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'writing-'));
  lines = [];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  await rm(folder, { recursive: true, force: true });
});

it('writes a result in its place', async () => {
  const path = join(folder, 'result');
  expect(await writeResult(path, 'text', output)).toBe(path);
  expect(await readFile(path, 'utf8')).toBe('text');
  expect(lines).toEqual([]);
  expect(process.exitCode).toBe(undefined);
});

it('says where a result is that had no place, and that it went nowhere where that is so', async () => {
  // The second file finds the folder that the first one made gone.
  vi.stubEnv('TMPDIR', folder);
  const path = join(folder, 'none', 'result');
  const place = await writeResult(path, 'text', output);
  expect(await readFile(place, 'utf8')).toBe('text');
  expect(lines).toEqual([
    `${path} cannot be written (ENOENT: no such file or directory); what belongs there is in ${place}`,
  ]);
  expect(process.exitCode).toBe(1);
  await rm(dirname(place), { recursive: true });
  const failed = writeResult(path, 'text', output);
  await expect(failed).rejects.toThrow(ICError);
  await expect(failed).rejects.toThrow(`${path}: expected a file that can be written, got ENOENT`);
});

it('leaves nothing behind where it looks whether it can write', async () => {
  await requireWritable('train', '--output', join(folder, 'deep', 'new'));
  expect(await readdir(folder)).toEqual([]);
  await writeFile(join(folder, 'file'), '');
  await mkdir(join(folder, 'folder'));
  for (const path of [join(folder, 'file', 'new'), join(folder, 'folder')]) {
    const refused = requireWritable('train', '--output', path);
    await expect(refused).rejects.toThrow(UnsupportedError);
    await expect(refused).rejects.toThrow(`train: --output: expected a place that can be written, got ${path} (E`);
  }
});
