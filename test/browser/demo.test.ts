import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insecureHost, launchBrowser, openPage } from '../support/browser.js';
import { type ServedDemo, serveDemo } from '../support/demo.js';
import {
  chooseSmallTraining,
  expectAccessible,
  focusedId,
  minutes,
  phaseOf,
  troubleText,
  untilText,
} from '../support/demoPage.js';

/** Of the page's own scripts as it opens, gzip, and of all up to the first answer: those of the worker, with the core, too. */
const pageBudget = 60 * 1024;
const answerBudget = 104 * 1024;
const parts = ['try', 'teach', 'train', 'see', 'bench'] as const;
/** A script that makes the first buffer as large as the device's limit, which is more than SwiftShader has. */
const greedyOnce = `
const { createBuffer } = GPUDevice.prototype;
GPUDevice.prototype.createBuffer = function (descriptor) {
  GPUDevice.prototype.createBuffer = createBuffer;
  return this.createBuffer({ ...descriptor, size: this.limits.maxBufferSize });
};
`;

let demo: ServedDemo;
let browser: Browser;

beforeAll(async () => {
  demo = await serveDemo();
  browser = await launchBrowser();
}, 5 * minutes);

afterAll(async () => {
  await browser?.close();
  await demo?.close();
});

/** A script of the build with those that it imports at once. */
async function withImports(script: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(script)) return found;
  found.add(script);
  const text = await readFile(join(demo.folder, 'assets', script), 'utf8');
  for (const [, name] of text.matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g))
    await withImports(name!, found);
  return found;
}

describe('First load', () => {
  it('takes less script than its budget up to the first answer, and no charts, training or bench', async () => {
    const { page, complaints } = await openPage(browser, { serviceWorkers: 'block' });
    const requested = new Set<string>();
    page.context().on('request', (request) => requested.add(new URL(request.url()).pathname));
    await page.goto(demo.address);
    await untilText(page, '#answer-text', /sure/);
    const scripts = [...requested].filter((path) => path.endsWith('.js'));
    expect(scripts.some((path) => path.includes('/main-'))).toBe(true);
    for (const path of scripts) expect(path).not.toMatch(/\/(charts|train|training|see|bench)-/);
    const sizeOf = async (paths: readonly string[]): Promise<number> => {
      const files = paths.map((path) => readFile(join(demo.folder, 'assets', path.split('/').at(-1)!)));
      return (await Promise.all(files)).reduce((sum, bytes) => sum + gzipSync(bytes).length, 0);
    };
    const ofWorker = await withImports(
      scripts
        .find((path) => path.includes('/main-'))!
        .split('/')
        .at(-1)!,
    );
    const own = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
    const opening = scripts.filter(
      (path) => own.some((name) => name.endsWith(path)) && !ofWorker.has(path.split('/').at(-1)!),
    );
    expect(opening.length).toBeGreaterThan(1);
    expect(await sizeOf(opening)).toBeLessThanOrEqual(pageBudget);
    expect(await sizeOf(scripts)).toBeLessThanOrEqual(answerBudget);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('is kept for offline use but for the peers of the bench', async () => {
    const serviceWorker = await readFile(join(demo.folder, 'sw.js'), 'utf8');
    const left = (await readdir(join(demo.folder, 'assets'))).filter((name) => !serviceWorker.includes(`/${name}"`));
    expect(left.filter((name) => name.endsWith('.wasm'))).not.toEqual([]);
    for (const name of left) expect(name).toMatch(/^(tensorflow|onnxRuntime)Peer-|^ort[.-]|\.wasm$/);
    for (const peer of ['tensorflowPeer', 'onnxRuntimePeer'])
      expect(left.some((name) => name.startsWith(`${peer}-`))).toBe(true);
  });

  it(
    'is there offline once it was loaded',
    async () => {
      const own = await serveDemo();
      const { page, complaints } = await openPage(browser);
      await page.goto(own.address);
      await page.evaluate(async () => {
        await navigator.serviceWorker.ready;
      });
      await own.stop();
      await page.reload();
      await page.click('#tab-try');
      await page.click('#samples button');
      await untilText(page, '#answer-text', /sure/);
      expect(complaints).toEqual([]);
      await page.context().close();
      await own.close();
    },
    10 * minutes,
  );
});

describe('The page', () => {
  it('shows its parts by keyboard', async () => {
    const { page } = await openPage(browser);
    await page.goto(demo.address);
    for (const [key, shown] of [
      ['Tab', 'try'],
      ['ArrowRight', 'teach'],
      ['ArrowRight', 'train'],
      ['ArrowRight', 'see'],
      ['End', 'bench'],
      ['ArrowRight', 'try'],
      ['ArrowLeft', 'bench'],
      ['Home', 'try'],
    ] as const) {
      // The link that skips the tabs comes first.
      if (key === 'Tab') await page.keyboard.press('Tab');
      await page.keyboard.press(key);
      expect(await focusedId(page)).toBe(`tab-${shown}`);
      expect(await page.locator('[role=tabpanel]:visible').getAttribute('id')).toBe(shown);
    }
    await page.context().close();
  });

  it('goes through its parts by Back and Forward', async () => {
    const { page } = await openPage(browser);
    await page.goto(demo.address);
    const shown = (): Promise<string | null> => page.locator('[role=tabpanel]:visible').getAttribute('id');
    for (const part of ['train', 'see'] as const) await page.click(`#tab-${part}`);
    await page.goBack();
    expect(await shown()).toBe('train');
    await page.goBack();
    expect(await shown()).toBe('try');
    await page.goForward();
    expect(await shown()).toBe('train');
    await page.reload();
    expect(await shown()).toBe('train');
    await page.context().close();
  });

  for (const [device, viewport] of [
    ['desktop', { width: 1280, height: 900 }],
    ['phone', { width: 375, height: 740 }],
  ] as const) {
    it(
      `is accessible on a ${device}, in light and dark`,
      async () => {
        const { page, complaints } = await openPage(browser, { viewport });
        await page.goto(demo.address);
        for (const part of parts) {
          await page.click(`#tab-${part}`);
          await page.waitForSelector(`#${part} h1`);
          await expectAccessible(page, part);
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          expect(overflow, `${part} is wider than the window`).toBeLessThanOrEqual(0);
        }
        expect(complaints).toEqual([]);
        await page.context().close();
      },
      3 * minutes,
    );
  }

  it('says what to do where there is no WebGPU', async () => {
    const without = await launchBrowser({ webgpu: false });
    try {
      const { page, complaints } = await openPage(without);
      await page.goto(demo.address.replace('localhost', insecureHost));
      const message = await page.locator('#trouble').textContent();
      expect(message).toContain('has no WebGPU');
      expect(message).toContain('Chrome');
      await expectAccessible(page, 'without WebGPU');
      expect(complaints).toEqual([]);
    } finally {
      await without.close();
    }
  });

  it('says what to do where there is no adapter', async () => {
    const { page } = await openPage(browser);
    await page.addInitScript(() => {
      navigator.gpu.requestAdapter = async () => null;
    });
    await page.goto(demo.address);
    await page.waitForSelector('#trouble:not([hidden])');
    expect(await page.locator('#trouble').textContent()).toContain('gives this page no GPU');
    await page.context().close();
  });

  it('says so where there is no camera', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(`${demo.address}#try`);
    await page.click('#pad-camera');
    expect(await troubleText(page)).toMatch(/No camera was found|The camera was not allowed/);
    expect(await page.textContent('#pad-camera')).toBe('Camera');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('says what to do where the GPU has not enough memory, and goes on', async () => {
    const { page, complaints } = await openPage(browser, { serviceWorkers: 'block' });
    await page.route(/assets\/main-.*\.js$/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${greedyOnce}${await response.text()}` });
    });
    await page.goto(`${demo.address}#train`);
    await chooseSmallTraining(page, 50);
    await page.click('#start');
    const message = await troubleText(page);
    expect(message).toContain('not enough memory');
    expect(message).toContain('expected enough memory on the device');
    expect(message).toContain('Choose a smaller batch, width or network');
    expect(await phaseOf(page)).toBe('idle');
    await expectAccessible(page, 'out of memory');
    await page.click('#start');
    await untilText(page, '#training-status', /Before the first step, your GPU’s driver compiles the kernels/);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
