import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '../../src/demo/protocol.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { cifarFile, idxFile } from '../io/files.js';
import { crashGpuProcess, openPage } from '../support/browser.js';
import { type OpenDemo, openDemo, type ServedDemo } from '../support/demo.js';
import {
  chooseSmallTraining,
  drop,
  expectAccessible,
  focusedId,
  lossOf,
  minutes,
  phaseOf,
  statusOf,
  stepOf,
  troubleText,
  until,
  untilPhase,
  untilText,
} from '../support/demoPage.js';
import { plainPng } from '../support/png.js';
import { mainThreadTasks } from '../support/tracing.js';

/** Holds the main thread for as long as a task at most may: some 50 ms, by the speed of the machine. */
function yardstick(): number {
  let sum = 0;
  for (let i = 0; i < 2.5e7; i++) sum += Math.sqrt(i);
  return sum;
}

let opened: OpenDemo;
let folder: string;
let demo: ServedDemo;
let browser: Browser;

beforeAll(async () => {
  opened = await openDemo();
  ({ folder, demo, browser } = opened);
}, 5 * minutes);

afterAll(() => opened?.close());

describe('Training', () => {
  it(
    'halves the loss, pauses, goes on, saves, survives losses of the device, and loads what it saved',
    async () => {
      const { page, complaints } = await openPage(browser, { acceptDownloads: true });
      await page.goto(`${demo.address}?test-hooks#train`);
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

      const before = await stepOf(page);
      const tasks = await mainThreadTasks(browser, page, () =>
        until(page, 'it trains on', async () => (await stepOf(page)) > before + 30),
      );
      const allowed = await mainThreadTasks(browser, page, () => page.evaluate(yardstick));
      expect(tasks.length).toBeGreaterThan(10);
      // A trace without durations has nothing but zeros.
      expect(Math.max(...tasks)).toBeGreaterThan(0);
      expect(Math.max(...tasks)).toBeLessThan(Math.max(...allowed));

      await page.click('#pause');
      await untilPhase(page, 'paused');
      const paused = await stepOf(page);
      await expectAccessible(page, 'paused');
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
    'goes by its settings to its end, from a dropped data set, by keyboard, past a bench that was stopped',
    async () => {
      // So many that what is asked of the page meanwhile finds it at work.
      const steps = 300;
      const labels = Array.from({ length: 80 }, (_, index) => [index % 10]);
      await writeFile(join(folder, 'data_batch_1.bin'), cifarFile(labels));
      const { page, complaints } = await openPage(browser, { acceptDownloads: true });
      await page.goto(`${demo.address}#train`);
      await chooseSmallTraining(page, steps);
      await drop(page, join(folder, 'data_batch_1.bin'));
      await untilText(page, '#data-status', '1 file, read when you start');
      await page.selectOption('[name=adjust]', 'input');
      await page.selectOption('[name=optimiser]', 'sgd');
      expect(await page.inputValue('[name=learningRate]')).toBe('0.1');
      await page.check('[name=distillation]');

      await page.focus('#start');
      await page.keyboard.press('Enter');
      await untilPhase(page, 'training');
      expect(await page.textContent('#data-status')).toContain(
        'CIFAR-10: 70 pictures of 32 × 32 to learn from, 10 to test',
      );
      expect(await focusedId(page)).toBe('pause');
      const atWork =
        /^The plain network first. Step \d+ of 300 · [\d.]*[1-9][\d.]* steps\/s · [1-9]\d* pictures\/s · .*\d s left$/;
      await untilText(page, '#training-status', atWork);
      await page.keyboard.press('Enter');
      await untilPhase(page, 'paused');
      expect(await page.textContent(':focus')).toBe('Go on');
      await page.keyboard.press('Enter');
      await untilPhase(page, 'training');
      await page.click('#tab-bench');
      await page.click('#bench-start');
      await untilText(page, '#bench-status', /Measuring/);
      expect(await phaseOf(page)).toBe('paused');
      await page.click('#bench-stop');
      await untilText(page, '#bench-status', 'Stopped');
      await untilPhase(page, 'training');

      await page.click('#tab-train');
      await page.focus('#pause');
      await untilPhase(page, 'done');
      expect(await page.textContent(':focus')).toBe('Race again');

      expect(await statusOf(page)).toBe('Done, 300 steps of 16 pictures');
      expect(await page.getAttribute('#progress', 'aria-valuenow')).toBe('100');
      for (const role of ['ic', 'plain'] as const) {
        expect(await page.textContent(`#test-${role}`)).toMatch(/ % of 10 test pictures wrong$/);
        for (const chart of ['loss', 'accuracy'] as const) {
          expect(await pixelsOfCurve(page, chart, role), `${chart} of ${role}`).toBeGreaterThan(100);
        }
      }
      await expectAccessible(page, 'done');
      const [file] = await Promise.all([page.waitForEvent('download'), page.click('#save-ic')]);
      const { network, training } = decodeCheckpoint(new Uint8Array(await readFile(await file.path())));
      expect(network.layers.map((layer) => layer.kind === 'convolution' && layer.adjust)).toContain('input');
      expect(training).toMatchObject({ step: steps, batch: 16, optimiser: 'sgd', distillation: 'mse' });
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    8 * minutes,
  );

  it(
    'races from one start after another, says the difference with its spread, and shares it as a link and a picture',
    async () => {
      const permissions = ['clipboard-read', 'clipboard-write'];
      const { page, complaints } = await openPage(browser, { acceptDownloads: true, permissions });
      await page.goto(`${demo.address}#train`);
      await page.waitForSelector('#chart-loss canvas');
      expect(await page.textContent('#verdict')).toMatch(/^Recorded: .*95 % interval/);
      await chooseSmallTraining(page, 20);
      await page.fill('[name=seeds]', '2');
      await page.check('[name=deeper]');
      expect(await page.textContent('#settings-summary')).toContain(
        'changed: ResNet-8 of width 4, 2 races of 20 steps',
      );
      await page.click('#start');
      await untilText(page, '#training-status', /^Race 2 of 2/);
      await untilPhase(page, 'done');
      expect(await statusOf(page)).toBe('Done, 2 races of 20 steps of 16 pictures');
      const said = await page.textContent('#verdict .verdict-words');
      expect(said).toMatch(/IC-ResNet-8 .*95 % interval [+−±][\d.]+ to [+−±][\d.]+ points, 2 races/);
      expect(await page.locator('#verdict .dot').count()).toBe(4);
      expect(await page.textContent('#test-deep')).toMatch(/of 2,000 test pictures wrong, mean of 2$/);
      for (const role of ['ic', 'plain', 'deep'] as const) {
        expect(await pixelsOfCurve(page, 'loss', role), `loss of ${role}`).toBeGreaterThan(100);
      }
      await expectAccessible(page, 'raced');

      await page.click('#copy-link');
      await untilText(page, '#share-status', /^Copied/);
      const link = await page.evaluate(() => navigator.clipboard.readText());
      const [picture] = await Promise.all([page.waitForEvent('download'), page.click('#save-picture')]);
      const png = await readFile(await picture.path());
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 630]);

      const visitor = await openPage(browser);
      await visitor.page.goto(link);
      await untilText(visitor.page, '#verdict .source', /^From the link/);
      expect(await visitor.page.textContent('#verdict .verdict-words')).toBe(said);
      expect(await visitor.page.inputValue('[name=steps]')).toBe('20');
      await expectAccessible(visitor.page, 'shared');
      expect([...complaints, ...visitor.complaints]).toEqual([]);
      await visitor.page.context().close();
      await page.context().close();
    },
    8 * minutes,
  );

  it(
    'offers to go on where a reload ended it, and not while another tab trains it',
    async () => {
      const { page, complaints } = await openPage(browser);
      await page.goto(`${demo.address}#train`);
      await chooseSmallTraining(page, 5000);
      await page.click('#start');
      await untilPhase(page, 'training');
      await until(page, 'it trains on', async () => (await stepOf(page)) > 30);
      await until(page, 'it is kept', () => page.evaluate(isKept));
      const other = await page.context().newPage();
      await other.goto(`${demo.address}#train`);
      await other.waitForTimeout(3000);
      expect(await other.locator('#kept').isVisible()).toBe(false);

      await page.reload();
      await page.waitForSelector('#kept:not([hidden])');
      expect(await page.textContent('#kept-text')).toMatch(/^A training stopped .* ago, of 5,000 steps each/);
      await expectAccessible(page, 'offered');
      await page.click('#kept-continue');
      await untilPhase(page, 'training');
      expect(await page.inputValue('[name=width]')).toBe('4');
      await until(page, 'it goes on', async () => (await stepOf(page)) > 1);
      expect(await lossOf(page, 'plain')).toBeLessThan(Math.log(10));
      await other.reload();
      await other.waitForTimeout(3000);
      expect(await other.locator('#kept').isVisible()).toBe(false);

      await page.click('#reset');
      await untilPhase(page, 'idle');
      expect(await page.evaluate(isKept)).toBe(false);
      expect(complaints).toEqual([]);
      await page.context().close();
    },
    8 * minutes,
  );

  it(
    'takes dropped pictures in a folder for each class, refuses halves of two sizes, and is reset while it loads and compiles',
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
      // Of IDX files the content counts, not the name.
      const halves: string[] = [];
      for (const [half, side] of [
        ['learn', 28],
        ['test', 14],
      ] as const) {
        for (const [kind, content] of [
          ['pictures', idxFile([9, side, side], new Uint8Array(9 * side ** 2))],
          ['digits', idxFile([9], new Uint8Array(9))],
        ] as const) {
          halves.push(join(folder, `${half}.${kind}`));
          await writeFile(halves.at(-1)!, content);
        }
      }
      const { page, complaints } = await openPage(browser);
      await page.goto(`${demo.address}#train`);
      await chooseSmallTraining(page, 50);
      await page.selectOption('[name=depth]', '14');
      expect(await page.textContent('#settings-summary')).toContain('ResNet-14 of width 4, 1 race of 50 steps');
      await page.evaluate(() => {
        for (const id of ['start', 'reset']) document.getElementById(id)!.click();
      });
      expect(await phaseOf(page)).toBe('idle');
      await page.selectOption('[name=data]', 'files');
      await page.click('#start');
      expect(await troubleText(page)).toContain('Choose or drop the files');
      await page.click('#trouble button');

      await drop(page, ...halves);
      await untilText(page, '#data-status', '4 files, read when you start');
      await page.click('#start');
      expect(await troubleText(page)).toContain('expected 28 × 28, as those to train with are, got 14 × 14');
      expect(await phaseOf(page)).toBe('idle');
      await page.click('#trouble button');

      await drop(page, join(folder, 'pictures'));
      await untilText(page, '#data-status', '40 files, read when you start');
      await page.click('#start');
      await untilText(page, '#training-status', /Before the first step, your GPU’s driver compiles the kernels/);
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
});

/** Whether the browser keeps a training. */
function isKept(): Promise<boolean> {
  return new Promise((done, fail) => {
    const request = indexedDB.open('ic-networks demo');
    request.onerror = () => fail(request.error);
    request.onsuccess = () => {
      const found = request.result.transaction('standings').objectStore('standings').count();
      found.onsuccess = () => {
        request.result.close();
        done(found.result > 0);
      };
    };
  });
}

/** The pixels of a chart in the colour of a network's curve. */
function pixelsOfCurve(page: Page, chart: 'loss' | 'accuracy', role: Role): Promise<number> {
  return page.locator(`#chart-${chart} canvas`).evaluate(
    (canvas: HTMLCanvasElement, name) => {
      const paint = canvas.cloneNode() as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      canvas.parentElement!.append(paint);
      paint.style.color = `var(--${name})`;
      const colour = getComputedStyle(paint).color.match(/\d+/g)!.map(Number);
      paint.remove();
      const near = (_: unknown, pixel: number): boolean =>
        colour.every((value, channel) => Math.abs(data[4 * pixel + channel]! - value) < 24);
      return Array.from({ length: data.length / 4 }, near).filter(Boolean).length;
    },
    role === 'ic' ? 'accent' : role,
  );
}
