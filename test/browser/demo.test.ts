import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digitStrokes } from '../../src/demo/data/digits.js';
import type { BenchReport } from '../../src/demo/protocol.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { float32Tensor, imageNetClasses, writeSafetensors } from '../../src/io.js';
import { initialParameters } from '../../src/models/initialise.js';
import { imageNetResNet } from '../../src/models/resnet.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { crashGpuProcess, insecureHost, launchBrowser, openPage } from '../support/browser.js';
import { type ServedDemo, serveDemo } from '../support/demo.js';
import { plainPng } from '../support/png.js';
import { mainThreadTasks } from '../support/tracing.js';

const minutes = 60_000;
/** Of the scripts that the page starts with, gzip. */
const scriptBudget = 60 * 1024;
const longestTask = 50;
const parts = ['train', 'try', 'see', 'bench'] as const;

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

/** What axe-core finds wrong with the page as it is. */
async function violations(page: Page): Promise<string[]> {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const found = (await axe.run()).violations;
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(', ')}`);
  });
}

const phaseOf = (page: Page): Promise<string> => page.evaluate(() => document.body.dataset.phase ?? 'idle');

/** Waits until the page says that training is in a phase; fails at once where the page says that something is wrong. */
async function untilPhase(page: Page, wanted: string): Promise<void> {
  await until(page, `training is in phase ${wanted}`, async () => (await phaseOf(page)) === wanted);
}

async function until(page: Page, what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 5 * minutes;
  while (!(await holds())) {
    const trouble = await page.locator('#trouble').textContent();
    if (trouble) throw new Error(`${what}: the page says "${trouble}"`);
    if (performance.now() > end) throw new Error(`${what}: not in time; ${await statusOf(page)}`);
    await page.waitForTimeout(100);
  }
}

async function statusOf(page: Page): Promise<string> {
  return (await page.locator('#training-status').textContent()) ?? '';
}

/** The step that both networks have done. */
async function stepOf(page: Page): Promise<number> {
  return Number(/[Ss]tep ([\d,]+)/.exec(await statusOf(page))?.[1]?.replaceAll(',', '') ?? Number.NaN);
}

async function lossOf(page: Page, role: 'ic' | 'plain'): Promise<number> {
  return Number.parseFloat((await page.locator(`#loss-${role}`).textContent())!);
}

async function chooseSmallTraining(page: Page, steps: number): Promise<void> {
  await page.selectOption('[name=width]', '4');
  await page.selectOption('[name=batch]', '16');
  await page.fill('[name=steps]', `${steps}`);
}

describe('First load', () => {
  it('takes less script than its budget', async () => {
    const html = await readFile(join(demo.folder, 'index.html'), 'utf8');
    const scripts = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]!);
    expect(scripts.length).toBeGreaterThan(0);
    const sizes = await Promise.all(
      scripts.map(async (name) => gzipSync(await readFile(join(demo.folder, name))).length),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(scriptBudget);
  });

  it('loads no core, no model and no chart', async () => {
    const { page, complaints } = await openPage(browser);
    const requested: string[] = [];
    page.on('request', (request) => requested.push(new URL(request.url()).pathname));
    await page.goto(demo.address, { waitUntil: 'networkidle' });
    const scripts = requested.filter((path) => path.endsWith('.js') && !path.endsWith('/sw.js'));
    expect(scripts).toHaveLength(1);
    expect(page.workers()).toHaveLength(0);
    expect(await page.locator('#start').isVisible()).toBe(true);
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
      await until(page, 'the digit is classified', async () => /sure/.test((await page.textContent('#answer-text'))!));
      expect(complaints).toEqual([]);
      await page.context().close();
      await own.close();
    },
    10 * minutes,
  );
});

describe('The page', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [device, viewport] of [
      ['desktop', { width: 1280, height: 900 }],
      ['phone', { width: 375, height: 740 }],
    ] as const) {
      it(
        `is accessible, ${device}, ${colorScheme}`,
        async () => {
          const { page, complaints } = await openPage(browser, { colorScheme, viewport, reducedMotion: 'reduce' });
          await page.goto(demo.address);
          for (const part of parts) {
            await page.click(`#tab-${part}`);
            await page.waitForSelector(`#${part} h1`);
            expect(await violations(page), part).toEqual([]);
            const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            expect(overflow, `${part} is wider than the window`).toBeLessThanOrEqual(0);
          }
          expect(complaints).toEqual([]);
          await page.context().close();
        },
        3 * minutes,
      );
    }
  }

  it('says what to do where there is no WebGPU', async () => {
    const without = await launchBrowser({ webgpu: false });
    try {
      const { page, complaints } = await openPage(without);
      await page.goto(demo.address.replace('localhost', insecureHost));
      const message = await page.locator('#trouble').textContent();
      expect(message).toContain('has no WebGPU');
      expect(message).toContain('Chrome');
      expect(await violations(page)).toEqual([]);
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
});

describe('Training', () => {
  it(
    'halves the loss, pauses, goes on, saves, survives losses of the device, and loads what it saved',
    async () => {
      const { page, complaints } = await openPage(browser, { acceptDownloads: true });
      await page.goto(`${demo.address}?test-hooks`);
      await chooseSmallTraining(page, 2000);
      await page.click('#start');
      await untilPhase(page, 'training');
      for (const role of ['ic', 'plain'] as const) {
        await until(
          page,
          `the loss of ${role} is half of ln 10`,
          async () => (await lossOf(page, role)) < Math.log(10) / 2,
        );
      }

      const tasks = await mainThreadTasks(browser, page, () => page.waitForTimeout(3000));
      expect(tasks.length).toBeGreaterThan(10);
      // A trace without durations has nothing but zeros.
      expect(Math.max(...tasks)).toBeGreaterThan(0);
      expect(Math.max(...tasks)).toBeLessThan(longestTask);

      await page.click('#pause');
      await untilPhase(page, 'paused');
      const paused = await stepOf(page);
      expect(await violations(page)).toEqual([]);
      const [file] = await Promise.all([page.waitForEvent('download'), page.click('#save-ic')]);
      const bytes = new Uint8Array(await readFile(await file.path()));
      const checkpoint = decodeCheckpoint(bytes);
      expect(checkpoint.training?.step).toBeGreaterThanOrEqual(paused);
      expect(await stepOf(page)).toBe(paused);

      await page.click('#pause');
      await until(page, 'it goes on', async () => (await stepOf(page)) > paused);
      await page.evaluate(() => {
        const { demoHooks } = globalThis as unknown as { demoHooks: { destroyDevice(): Promise<void> } };
        return demoHooks.destroyDevice();
      });
      await untilPhase(page, 'recovering');
      await untilPhase(page, 'training');
      await crashGpuProcess(browser);
      await untilPhase(page, 'recovering');
      await untilPhase(page, 'training');
      const recovered = await stepOf(page);
      expect(recovered).toBeGreaterThanOrEqual(paused);
      await until(page, 'it trains on', async () => (await stepOf(page)) > recovered + 2);
      expect(await lossOf(page, 'ic')).toBeLessThan(Math.log(10) / 2);

      await page.click('#reset');
      await untilPhase(page, 'idle');
      await page.selectOption('[name=width]', '16');
      await page.setInputFiles('#checkpoint-files', {
        name: file.suggestedFilename(),
        mimeType: 'application/octet-stream',
        buffer: Buffer.from(bytes),
      });
      await untilPhase(page, 'training');
      await until(page, 'the plain network catches up', async () => (await page.textContent('#loss-plain')) !== '–');
      await page.click('#pause');
      await untilPhase(page, 'paused');
      const [again] = await Promise.all([page.waitForEvent('download'), page.click('#save-ic')]);
      const resumed = decodeCheckpoint(new Uint8Array(await readFile(await again.path())));
      expect(resumed.training?.step).toBeGreaterThanOrEqual(checkpoint.training!.step);
      expect(resumed.network).toEqual(checkpoint.network);
      const [other] = await Promise.all([page.waitForEvent('download'), page.click('#save-plain')]);
      const rival = decodeCheckpoint(new Uint8Array(await readFile(await other.path())));
      expect(rival.network.name).toBe('resnet8');
      expect(rival.network.layers[0]).toEqual(checkpoint.network.layers[0]);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    15 * minutes,
  );

  it(
    'is reset while the pictures load, and goes on when the bench that it paused for was stopped',
    async () => {
      const { page, complaints } = await openPage(browser);
      await page.goto(demo.address);
      await chooseSmallTraining(page, 5000);
      await page.evaluate(() => {
        for (const id of ['start', 'reset']) document.getElementById(id)!.click();
      });
      expect(await phaseOf(page)).toBe('idle');
      await page.click('#start');
      await untilPhase(page, 'training');
      await page.click('#tab-bench');
      await page.click('#bench-start');
      await until(page, 'it measures', async () => /Measuring/.test((await page.textContent('#bench-status'))!));
      expect(await phaseOf(page)).toBe('paused');
      await page.click('#bench-stop');
      await until(page, 'it stops', async () => (await page.textContent('#bench-status')) === 'Stopped');
      await untilPhase(page, 'training');
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    8 * minutes,
  );
});

describe('Trying it', () => {
  it(
    'reads digits that are drawn with a pointer, and one drawn by keyboard',
    async () => {
      const { page, complaints } = await openPage(browser);
      await page.goto(`${demo.address}#try`);
      const best = (): Promise<string | null> => page.textContent('#answer-best');
      for (const digit of [3, 7]) {
        await page.waitForSelector('#pad');
        await page.click('#pad-clear');
        const { x, y, width, height } = (await page.locator('#pad').boundingBox())!;
        for (const [first, ...rest] of digitStrokes(digit, 5)) {
          const at = ([right, down]: readonly [number, number]): [number, number] => [
            x + right * width,
            y + down * height,
          ];
          await page.mouse.move(...at(first!));
          await page.mouse.down();
          for (const point of rest) await page.mouse.move(...at(point));
          await page.mouse.up();
        }
        await until(page, `the answer is ${digit}`, async () => (await best()) === `${digit}`);
      }

      await page.click('#pad-clear');
      await page.focus('#pad');
      for (let step = 0; step < 8; step++) await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Space');
      for (let step = 0; step < 16; step++) await page.keyboard.press('ArrowDown');
      await until(page, 'the answer is 1', async () => (await best()) === '1');
      await page.keyboard.press('Delete');
      await until(page, 'there is no answer', async () => (await best()) === '–');
      expect(await violations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    5 * minutes,
  );
});

describe('Seeing it', () => {
  it(
    'shows where the second term fires, how adjust is spread, and what every dispatch takes',
    async () => {
      const { page, complaints } = await openPage(browser);
      await page.goto(`${demo.address}#see`);
      await until(page, 'there are maps', async () => (await page.locator('#maps button').count()) === 6);
      expect(await page.textContent('#see-status')).toMatch(/It fires at \d+\.\d % of all outputs, over 6 layers/);
      const first = await page.textContent('#map-text');
      await page.locator('#maps button').nth(4).click();
      expect(await page.textContent('#map-text')).not.toBe(first);
      expect(await page.textContent('#spread-text')).toContain('32 weights');
      expect(await page.locator('#spread rect').count()).toBeGreaterThan(10);

      await page.click('#measure');
      await until(page, 'there is a diagram', async () => (await page.locator('.box').count()) === 11);
      expect(await page.locator('.box.ic').count()).toBe(6);
      for (const text of await page.locator('.box').allTextContents()) expect(text).toMatch(/\d (ms|µs)/);
      expect(await page.textContent('#diagram-status')).toMatch(/by timestamps/);
      expect(await page.locator('.diagram path').count()).toBe(5);
      expect(await violations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    5 * minutes,
  );
});

describe('Files of the visitor', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ic-networks-files-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(
    'make a data set of pictures in a folder for each class, and a training can be reset while it compiles',
    async () => {
      for (const [name, colour] of [
        ['red', [200, 30, 20]],
        ['blue', [20, 30, 200]],
      ] as const) {
        await mkdir(join(folder, 'pictures', name), { recursive: true });
        for (let index = 0; index < 20; index++) {
          await writeFile(join(folder, 'pictures', name, `${index}.png`), plainPng(40 + index, 30, colour));
        }
      }
      const { page, complaints } = await openPage(browser);
      await page.goto(demo.address);
      await chooseSmallTraining(page, 50);
      await page.selectOption('[name=data]', 'files');
      await page.click('#start');
      await page.waitForSelector('#trouble:not([hidden])');
      expect(await page.textContent('#trouble')).toContain('Choose or drop the files');
      await page.setInputFiles('#folder', join(folder, 'pictures'));
      await page.click('#start');
      await until(page, 'it compiles', async () => /Compiling kernels, \d+ of/.test(await statusOf(page)));
      expect(await page.textContent('#data-status')).toContain(
        '36 pictures of 32 × 32 to learn from, 4 to test with, 2 classes',
      );
      await page.click('#reset');
      await untilPhase(page, 'idle');
      expect(await page.locator('#start').isEnabled()).toBe(true);
      expect(await page.locator('#trouble').isVisible()).toBe(false);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    5 * minutes,
  );

  it(
    'make a network of torchvision that names what it sees',
    async () => {
      const network = imageNetResNet({ depth: 18, ic: false });
      const values = initialParameters(network, 1);
      const tensors = networkParameters(network)
        .filter(({ role }) => role !== 'batchesTracked')
        .map(({ name, shape }) => [name, float32Tensor(shape, values.get(name)!)] as const);
      await writeFile(join(folder, 'resnet18.safetensors'), writeSafetensors(tensors));
      await writeFile(join(folder, 'picture.png'), plainPng(300, 240, [90, 140, 60]));
      await writeFile(
        join(folder, 'other.safetensors'),
        writeSafetensors([['weight', float32Tensor([1], Float32Array.of(1))]]),
      );
      const { page, complaints } = await openPage(browser);
      await page.goto(`${demo.address}#try`);
      await page.waitForSelector('#pad');
      await page.setInputFiles('#model-file', join(folder, 'other.safetensors'));
      await page.waitForSelector('#trouble:not([hidden])');
      expect(await page.textContent('#trouble')).toContain('These files cannot be used');
      expect(await page.textContent('#trouble')).toContain('torchvision');
      await page.click('#trouble button');
      await page.setInputFiles('#model-file', join(folder, 'resnet18.safetensors'));
      await until(page, 'the network is chosen', async () => (await page.inputValue('#model')) === 'file');
      await page.setInputFiles('#picture-file', join(folder, 'picture.png'));
      await until(page, 'it answers', async () => /sure/.test((await page.textContent('#answer-text'))!));
      const names = imageNetClasses().map(({ name }) => name.split(',')[0]);
      const shown = await page.locator('.bar-name').allTextContents();
      expect(shown).toHaveLength(10);
      for (const name of shown) expect(names).toContain(name);
      expect(await page.locator('#seen').evaluate((canvas: HTMLCanvasElement) => canvas.width)).toBe(224);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    8 * minutes,
  );
});

describe('The bench', () => {
  it(
    'measures, copies its results, and sets others beside them',
    async () => {
      const { page, complaints } = await openPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
      await page.goto(`${demo.address}#bench`);
      await page.click('#bench-start');
      await until(page, 'it is done', async () => (await page.textContent('#bench-status')) === 'Done');
      expect(await page.locator('.report tbody tr').count()).toBe(6);
      await page.click('#bench-copy');
      await until(page, 'it is copied', async () => (await page.textContent('#bench-status')) === 'Copied');
      const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as BenchReport;
      expect(report.peaks!.fmaGflops).toBeGreaterThan(0);
      for (const row of report.convolutions) {
        expect(row.share).toBeGreaterThan(0);
        expect(row.form).toBeTruthy();
      }
      const slower = report.convolutions.map((row) => ({ ...row, icMilliseconds: 2 * row.icMilliseconds }));
      const buffer = Buffer.from(JSON.stringify({ ...report, adapter: 'another GPU', convolutions: slower }));
      await page.setInputFiles('#bench-file', { name: 'other.json', mimeType: 'application/json', buffer });
      await until(page, 'there are two', async () => (await page.locator('.report').count()) === 2);
      expect(await page.locator('.report').nth(1).locator('tbody tr').first().textContent()).toContain('2.00 ×');
      expect(await violations(page)).toEqual([]);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    8 * minutes,
  );

  it(
    'sets the peers that are switched on beside a network',
    async () => {
      const { page, complaints } = await openPage(browser);
      await page.goto(`${demo.address}#bench`);
      await page.selectOption('[name=network]', 'resnet20');
      for (const peer of ['tensorflow', 'onnxRuntime']) await page.check(`[name=${peer}]`);
      await page.click('#bench-start');
      await until(page, 'it is done', async () => (await page.textContent('#bench-status')) === 'Done');
      const rows = await page.locator('.report table').last().locator('tbody tr').allTextContents();
      expect(rows).toHaveLength(2);
      for (const row of rows) expect(row.match(/[\d.]+ ×/g)).toHaveLength(2);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    8 * minutes,
  );
});
