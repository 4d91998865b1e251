import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkWritable, writeAtomically } from '../../src/io/writeAtomically.js';
import { initialParameters } from '../../src/models/initialise.js';
import { cifarResNet } from '../../src/models/resnet.js';
import { decodeCheckpoint, encodeNetwork } from '../../src/train/checkpoint.js';

const random = vi.hoisted(() => ({ isKnown: false }));
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof import('node:crypto')>();
  return { ...real, randomBytes: (count: number) => (random.isKnown ? Buffer.alloc(count) : real.randomBytes(count)) };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'write-atomically-'));
});
afterEach(async () => {
  random.isKnown = false;
  await rm(folder, { recursive: true, force: true });
});

const children = await mkdtemp(join(tmpdir(), 'write-atomically-children-'));
beforeAll(() =>
  build({
    entryPoints: [resolve('src/io/writeAtomically.ts')],
    outfile: join(children, 'write.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
  }),
);
afterAll(() => rm(children, { recursive: true, force: true }));

/** Starts a process of its own with `writeAtomically` in scope and waits for its first word. */
async function startChild(text: string) {
  const module = `import { writeAtomically } from './write.mjs';\nconst say = () => process.stdout.write('.');\n${text}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', module], { cwd: children });
  const ended = once(child, 'exit');
  let faults = '';
  child.stderr.setEncoding('utf8').on('data', (words: string) => {
    faults += words;
  });
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error(faults)))]);
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { kill };
}

/** Starts a process that is in the middle of writing a path. */
const startWriter = (path: string) =>
  startChild(`await writeAtomically(${JSON.stringify(path)}, (async function* () {
    yield new Uint8Array(10);
    say();
    setInterval(() => {}, 1000);
    await new Promise(() => {});
  })());`);

const parts = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.endsWith('.part'));

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

  it('tears no file that several write at once', async () => {
    const path = join(folder, 'file');
    const texts = [1, 2, 3].map((digit) => `${digit}`.repeat(50_000 * digit));
    for (let round = 0; round < 20; round++) {
      await Promise.all(texts.map((text) => writeAtomically(path, text)));
      expect(texts).toContain(await readFile(path, 'utf8'));
    }
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('follows no link that lies where it writes, and leaves it to whom it belongs', async () => {
    random.isKnown = true;
    const path = join(folder, 'file');
    const writer = await startWriter(path);
    const [name] = await parts();
    await writer.kill();
    const own = name!.replace(/-\d+-[0-9a-f]{16}\.part$/, `-${process.pid}-${'0'.repeat(16)}.part`);
    await writeFile(join(folder, 'victim'), 'untouched');
    await symlink(join(folder, 'victim'), join(folder, own));
    await expect(writeAtomically(path, 'text')).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(join(folder, 'victim'), 'utf8')).toBe('untouched');
    expect((await readdir(folder)).sort()).toEqual([own, 'victim'].sort());
  });

  it('removes what dead writers of the path left, and nothing of those that live', async () => {
    const path = join(folder, 'file');
    const [dead, living, other] = await Promise.all([
      startWriter(path),
      startWriter(path),
      startWriter(`${path}.other`),
    ]);
    await Promise.all([dead.kill(), other.kill()]);
    expect(await parts()).toHaveLength(3);
    await writeAtomically(path, 'text');
    const left = await parts();
    expect(left).toHaveLength(2);
    expect(left.filter((name) => name.startsWith('file.other.'))).toHaveLength(1);
    await living.kill();
    await writeAtomically(path, 'text');
    await writeAtomically(`${path}.other`, 'text');
    expect((await readdir(folder)).sort()).toEqual(['file', 'file.other']);
  });

  it('waits a day for writers elsewhere, and knows its own number from an earlier bearer of it', async () => {
    const path = join(folder, 'file');
    const writer = await startWriter(path);
    const [name] = await parts();
    await writer.kill();
    const own = name!.replace(/-\d+-/, `-${process.pid}-`);
    const elsewhere = name!.replace(/^file\.[0-9a-f]{8}/, 'file.00000000');
    const old = elsewhere.replace(/[0-9a-f]{16}\.part$/, `${'0'.repeat(16)}.part`);
    for (const one of [own, elsewhere, old, 'file.txt.part', 'file.12.part'])
      await writeFile(join(folder, one), 'some');
    const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1000);
    await utimes(join(folder, own), ago(3600), ago(3600));
    await utimes(join(folder, old), ago(90_000), ago(90_000));
    await writeAtomically(path, 'text');
    expect((await readdir(folder)).sort()).toEqual(['file', 'file.12.part', 'file.txt.part', elsewhere].sort());
  });

  it('loses nothing to a kill, and the next writer tidies up', async () => {
    // More of them, and their figures: ICNET_TEST_KILLS=50.
    const { ICNET_TEST_KILLS: asked } = process.env;
    const kills = Number(asked ?? 4);
    const network = cifarResNet({ depth: 8, ic: true, width: 48 });
    const files = [1, 2].map((seed) => encodeNetwork(network, initialParameters(network, seed)));
    for (const [index, bytes] of files.entries()) await writeFile(join(children, `${index}.bin`), bytes);
    const path = join(folder, 'checkpoint.safetensors');
    let [interrupted, mostLeft] = [0, 0];
    for (let kill = 0; kill < kills; kill++) {
      const writer = await startChild(`
        import { readFile } from 'node:fs/promises';
        const files = await Promise.all([0, 1].map((index) => readFile(index + '.bin')));
        await writeAtomically(${JSON.stringify(path)}, files[${kill % 2}]);
        say();
        for (let index = ${kill + 1}; ; index++) await writeAtomically(${JSON.stringify(path)}, files[index % 2]);
      `);
      await new Promise((done) => setTimeout(done, (kill * 7) % 40));
      await writer.kill();
      const bytes = await readFile(path);
      expect(decodeCheckpoint(bytes).network).toEqual(network);
      expect(files.some((file) => bytes.equals(file))).toBe(true);
      const left = (await parts()).length;
      interrupted += left > 0 ? 1 : 0;
      mostLeft = Math.max(mostLeft, left);
    }
    await writeAtomically(path, files[0]!);
    expect(await readdir(folder)).toEqual(['checkpoint.safetensors']);
    expect(mostLeft).toBeLessThanOrEqual(1);
    const mebibytes = (files[0]!.length / 2 ** 20).toFixed(1);
    if (asked)
      process.stdout.write(
        `${kills} kills, ${interrupted} amid a file of ${mebibytes} MiB; no file lost, none left over\n`,
      );
  });
});

describe('checkWritable', () => {
  it('leaves no trace, be the folder there or not', async () => {
    await writeFile(join(folder, 'there'), 'old');
    await checkWritable(join(folder, 'there'));
    await checkWritable(join(folder, 'new'));
    await checkWritable(join(folder, 'deep', 'below', 'new'));
    expect(await readdir(folder)).toEqual(['there']);
    expect(await readFile(join(folder, 'there'), 'utf8')).toBe('old');
  });

  it('finds a file where a folder should be, and a folder where the file should', async () => {
    await writeFile(join(folder, 'file'), '');
    await mkdir(join(folder, 'folder'));
    for (const path of [join('file', 'new'), join('file', 'deep', 'new')]) {
      await expect(checkWritable(join(folder, path)), path).rejects.toMatchObject({ code: 'ENOTDIR' });
    }
    await expect(checkWritable(join(folder, 'folder'))).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('finds a folder that takes no such file', async () => {
    // Elsewhere no folder refuses files whoever asks, but every one refuses such a name.
    const path = process.platform === 'linux' ? '/proc/new' : join(folder, 'n'.repeat(300));
    await expect(checkWritable(path)).rejects.toThrow(path);
    await expect(checkWritable(join(folder, 'n'.repeat(300)))).rejects.toThrow('n'.repeat(300));
  });
});
