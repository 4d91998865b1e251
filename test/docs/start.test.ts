import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeOnnx } from '../../src/onnx/decode.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { launchBrowser } from '../support/browser.js';
import { packed } from '../support/packed.js';
import { serveFolder } from '../support/server.js';
import { blocksOf, root } from './blocks.js';
import { buildPages, emptyFolder, installed, openProgram, runProgram } from './programs.js';

const run = promisify(execFile);
const side = 16;
const page = await readFile(join(root, 'docs/start.md'), 'utf8');
const [onDisk, inNode, inPage] = await blocksOf('docs/start.md');
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, lines]) => lines!.trim().split('\n'));

/** Discs and crosses, each at another place in another colour. */
async function writePictures(folder: string): Promise<void> {
  for (const [name, letter, has] of [
    ['circles', 'c', (x: number, y: number) => x * x + y * y < 20],
    ['crosses', 'x', (x: number, y: number) => Math.abs(Math.abs(x) - Math.abs(y)) < 1 && Math.abs(x) < 5],
  ] as const) {
    await mkdir(join(folder, name), { recursive: true });
    for (let n = 1; n <= 20; n++) {
      const [left, top, bright] = [5 + (n % 7), 5 + ((n * 3) % 7), 130 + n * 6];
      const data = Buffer.from(
        Array.from({ length: side * side }, (_, i) =>
          has((i % side) - left, Math.floor(i / side) - top) ? bright : 20,
        ),
      );
      const picture = sharp(data, { raw: { width: side, height: side, channels: 1 } });
      await picture
        .toColourspace('srgb')
        .png()
        .toFile(join(folder, name, `${letter}${n}.png`));
    }
  }
}

describe('docs/start.md, from the packed package in an empty folder', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await emptyFolder('start');
    await writePictures(join(folder, 'pictures'));
    // As npm installs it.
    const { project } = await packed();
    const bin = join(project, 'node_modules/.bin');
    await mkdir(bin, { recursive: true });
    await chmod(join(project, 'node_modules/ic-networks/dist/cli.js'), 0o755);
    await symlink('../ic-networks/dist/cli.js', join(bin, 'icnet')).catch(() => {});
  });

  /** Runs the page's command that begins so. */
  async function icnet(start: string): Promise<string> {
    const [command, ...more] = commands.filter((line) => line.startsWith(`npx icnet ${start}`));
    expect(more).toEqual([]);
    const { stdout, stderr } = await run('sh', ['-c', command!], { cwd: folder });
    return stdout + stderr;
  }

  it('installs what the tests find installed', () => {
    const packages = commands
      .filter((line) => line.startsWith('npm install'))
      .flatMap((line) => line.split(' ').slice(2));
    expect(packages[0]).toBe('ic-networks');
    expect(installed).toEqual(expect.arrayContaining(packages.slice(1)));
    expect(commands).toHaveLength(2 + 6);
  });

  it('trains a network that tells the pictures apart, and looks at it', async () => {
    expect(await icnet('info')).toMatch(/maxBufferSize|adapter/);
    await icnet('train');
    expect(await readdir(join(folder, 'runs/mine'))).toContain('checkpoint.safetensors');
    const right = /(\d+(?:\.\d+)?) ?%/.exec(await icnet('eval'));
    expect(Number(right![1])).toBeGreaterThan(80);
    expect(await icnet('predict')).toMatch(/circles/);
    await icnet('inspect');
    expect((await readdir(join(folder, 'runs/maps'))).filter((name) => name.endsWith('.png')).length).toBeGreaterThan(
      2,
    );
  });

  it('exports it', async () => {
    await icnet('convert');
    const { network } = decodeOnnx(await readFile(join(folder, 'mine.onnx')));
    expect(network.input).toEqual({ height: side, width: side, channels: 3 });
    await runProgram(folder, onDisk!.code);
    const whole = await readFile(join(folder, 'runs/mine/checkpoint.safetensors'));
    const bare = await readFile(join(folder, 'mine.safetensors'));
    expect(bare.length).toBeLessThan(0.6 * whole.length);
    expect(decodeCheckpoint(bare).values).toEqual(decodeCheckpoint(whole).values);
  });

  it('uses it in Node', async () => {
    expect((await runProgram(folder, inNode!.code)).trim()).toBe('crosses');
  });

  it('uses it in a page', async () => {
    const site = await buildPages('startPage', [inPage!]);
    await copyFile(join(folder, 'mine.safetensors'), join(site, 'mine.safetensors'));
    await copyFile(join(folder, 'pictures/crosses/x2.png'), join(site, 'picture.png'));
    const server = await serveFolder(site);
    const browser = await launchBrowser();
    try {
      const { printed, complaints } = await openProgram(browser, server.address, inPage!);
      expect(printed).toBe('crosses');
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
