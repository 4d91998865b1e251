import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openPage } from '../support/browser.js';
import { canvasPixels, watchCanvas } from '../support/canvasPixels.js';
import { consumer, packed } from '../support/packed.js';
import { type FolderServer, serveFolder } from '../support/server.js';

const run = promisify(execFile);
const examples = resolve(import.meta.dirname, '../../docs/examples');
const adapter = process.env.ICNET_TEST_ADAPTER ?? 'auto';

/** Copies an example to where the packed package and what else it imports are installed. */
const install = (name: string, ...packages: string[]) => consumer(name, join(examples, name), ...packages);

beforeAll(packed, 300_000);

it('has a test for every folder, and a row in the table', async () => {
  const entries = await readdir(examples, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(folders.sort()).toEqual([
    'deno',
    'node',
    'raw-wgsl',
    'script-tag',
    'tensorflow',
    'three',
    'vite-app',
    'worker',
  ]);
  const readme = await readFile(join(examples, 'README.md'), 'utf8');
  for (const name of folders) expect(readme).toContain(`| [${name}](${name}) |`);
});

describe('In Node', () => {
  it('node: reads digits', async () => {
    const folder = await install('node', 'webgpu', '@sparticuz/chromium');
    const checkpoint = resolve(import.meta.dirname, '../../src/demo/models/digits.safetensors');
    const { stdout } = await run(process.execPath, ['index.mjs', checkpoint, adapter], { cwd: folder });
    const { dispatches, digits } = JSON.parse(stdout);
    expect(dispatches).toBeGreaterThan(8);
    expect(digits).toEqual([7, 0, 1]);
  });

  it('tensorflow: hands buffers over and back', async () => {
    const tensorflow = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu'];
    const folder = await install('tensorflow', 'webgpu', '@sparticuz/chromium', ...tensorflow);
    const { stdout } = await run(process.execPath, ['index.mjs', adapter], { cwd: folder });
    const { largest, mean } = JSON.parse(stdout);
    // z and S are sums over 4 channels of 0.5 under the window: z = 2 taps / 9, S = 2 taps, y = z + z - 0.02 S.
    const at = (taps: number): number => (4 * taps) / 9 - 0.04 * taps;
    expect(largest).toBeCloseTo(at(9), 4);
    expect(mean).toBeCloseTo((36 * at(9) + 24 * at(6) + 4 * at(4)) / 64, 4);
  });
});

describe('In the browser', () => {
  let browser: Browser;
  let server: FolderServer;

  beforeAll(async () => {
    const { project } = await packed();
    [browser, server] = await Promise.all([launchBrowser({ canvases: true }), serveFolder(project)]);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** What stands in the page's output once it is there, and is accepted. */
  async function outputOf(
    path: string,
    { accepted = /./, among = browser, prepare = async (_: Page) => {} } = {},
  ): Promise<{ text: string; page: Page }> {
    const { page, complaints } = await openPage(among);
    await prepare(page);
    // What WebGPU finds wrong and nobody catches is a warning on the console.
    page.on('console', (message) => {
      if (message.type() === 'warning' && !message.text().includes('experimental')) complaints.push(message.text());
    });
    await page.goto(server.address + path);
    const output = page.locator('output', { hasText: accepted });
    const complaint = async (): Promise<never> => {
      while (complaints.length === 0) await page.waitForTimeout(200);
      throw new Error(complaints.join('\n'));
    };
    await Promise.race([output.waitFor(), complaint()]);
    const text = (await output.textContent())!;
    expect(complaints).toEqual([]);
    return { text, page };
  }

  /** Holds a pixel to a shade of grey, within what rounding to bytes loses. */
  function expectPixel(colour: readonly number[], grey: number): void {
    const expected = [grey, grey, grey, 255];
    colour.forEach((value, channel) => {
      expect(Math.abs(value - expected[channel]!)).toBeLessThanOrEqual(1);
    });
    expect(colour).toHaveLength(4);
  }

  it('script-tag: edges of a canvas on a canvas', async () => {
    await install('script-tag');
    const { text, page } = await outputOf('script-tag/index.html', { prepare: watchCanvas });
    // At a corner of the square z = 2 and four of nine pixels are white: 2 + relu(2 - 0.1 * 4).
    expect(text).toBe('3.600');
    // The canvas shows a quarter of it. Along an edge z = 1 and six of nine are white; inside z = 0, outside at most 0.
    const edges = await canvasPixels(page, 1);
    expectPixel(edges(16, 16), 255 * 0.9);
    expectPixel(edges(30, 16), 255 * 0.35);
    expectPixel(edges(30, 30), 0);
    expectPixel(edges(30, 15), 0);
    await page.context().close();
  });

  it('vite-app: training in the page', async () => {
    const folder = await install('vite-app');
    await build({ root: folder, base: './', configFile: false, logLevel: 'error', build: { target: 'esnext' } });
    const { text, page } = await outputOf('vite-app/dist/index.html');
    expect(Number(text)).toBeGreaterThan(0.9);
    const losses = (await page.locator('#loss').textContent())!.split(' ').map(Number);
    expect(losses).toHaveLength(60);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    await page.context().close();
  });

  it('worker: frames on an OffscreenCanvas', async () => {
    await install('worker');
    const { text, page } = await outputOf('worker/index.html', {
      accepted: /"frame":3/,
      prepare: (page) => watchCanvas(page, 'worker.js'),
    });
    expect(JSON.parse(text)).toEqual({ frame: 3, lost: false });
    // Stripes of v = 192 from x = 9 to 16 and so on, sharpened, half as bright. Within one z = v and S = 9 v, at its edge z = 2 v
    // and S = 6 v, so that y = 2.8 v, beside it z = -v.
    const stripes = await canvasPixels(page, 3);
    expectPixel(stripes(12, 32), 96);
    expectPixel(stripes(9, 32), 255);
    expectPixel(stripes(16, 32), 255);
    expectPixel(stripes(8, 32), 0);
    expectPixel(stripes(4, 32), 0);
    expectPixel(stripes(28, 20), 96);
    await page.context().close();
  });

  it('three: a video through an IC network onto a mesh', async () => {
    await install('three', 'three');
    const withFrames = await launchBrowser({ videoFrames: true });
    const { text } = await outputOf('three/index.html', { among: withFrames }).finally(() => withFrames.close());
    const colour: number[] = JSON.parse(text);
    // y = z + relu(z - 0.1 * 9 z) = 1.1 z, of the colour that the video shows, within what video coding loses.
    [220, 110, 55].forEach((value, channel) => {
      expect(Math.abs(colour[channel]! - value)).toBeLessThanOrEqual(6);
    });
  });

  it('raw-wgsl: a kernel without the runtime, in at most 60 lines', async () => {
    const folder = await install('raw-wgsl');
    const script = await readFile(join(folder, 'main.js'), 'utf8');
    expect(script.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
    expect(script).not.toContain('import ');
    const { text, page } = await outputOf('raw-wgsl/index.html');
    const values: number[] = JSON.parse(text);
    // Pixels under the window: 4 at the corners, 6 along the edges, 9 inside; y = z + relu(z - S / 2), S that number.
    const expected = [0, 1, 2, 3].flatMap((y) =>
      [0, 1, 2, 3].flatMap((x) => {
        const sum = (y % 3 ? 3 : 2) * (x % 3 ? 3 : 2);
        return [sum * 1.5, 1];
      }),
    );
    expect(values).toEqual(expected);
    await page.context().close();
  });
});
