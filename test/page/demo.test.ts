import { type Browser, launch, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digitStrokes } from '../../src/demo/data/digits.js';
import { type ServedDemo, serveDemo } from '../support/demo.js';
import { browserUnderTest } from './browser.js';

/* The demo's page as a visitor of any browser meets it: by WebDriver BiDi, which Firefox and Chromium have in common. */

const minutes = 60_000;
let demo: ServedDemo;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const { path, words, isFirefox, preferences } = browserUnderTest();
  demo = await serveDemo();
  browser = await launch({
    executablePath: path,
    browser: isFirefox ? 'firefox' : 'chrome',
    protocol: 'webDriverBiDi',
    args: [...words],
    // A step on a processor that plays the GPU keeps the browser from answering for a while.
    protocolTimeout: 5 * minutes,
    ...(isFirefox && { extraPrefsFirefox: preferences }),
  });
  page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
}, 5 * minutes);

afterAll(async () => {
  await browser?.close();
  await demo?.close();
});

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (element) => (element as HTMLElement).textContent!);
const phase = (): Promise<string> => page.evaluate(() => document.body.dataset.phase ?? 'idle');
const lossOf = async (role: string): Promise<number> => Number.parseFloat(await textOf(`#loss-${role}`));
const isShown = (selector: string): Promise<boolean> =>
  page.$eval(selector, (element) => !(element as HTMLElement).hidden);

/** Waits until something holds; fails at once where the page says that something is wrong. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 5 * minutes;
  while (!(await holds())) {
    const trouble = await textOf('#trouble');
    if (trouble) throw new Error(`${what}: the page says "${trouble}"`);
    if (performance.now() > end) throw new Error(`${what}: not in time; ${await textOf('#training-status')}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

/** Sets fields of the training's settings as a visitor does, who is done with each before the next. */
async function choose(values: Readonly<Record<string, string | boolean>>): Promise<void> {
  await page.evaluate((chosen) => {
    (document.querySelector('#all-settings') as HTMLDetailsElement).open = true;
    for (const [name, value] of Object.entries(chosen)) {
      const field = document.querySelector<HTMLInputElement>(`[name=${name}]`)!;
      if (typeof value === 'boolean') field.checked = value;
      else field.value = value;
      for (const event of ['input', 'change']) field.dispatchEvent(new Event(event, { bubbles: true }));
    }
  }, values);
}

describe('The page', () => {
  it(
    'writes a digit and reads it, and reads the one that is drawn',
    async () => {
      await page.goto(demo.address);
      await until('it reads what it wrote', async () => /sure/.test(await textOf('#answer-text')));
      for (const digit of [3, 7]) {
        await page.click('#pad-clear');
        const { x, y, width, height } = (await (await page.$('#pad'))!.boundingBox())!;
        for (const [first, ...rest] of digitStrokes(digit, 5)) {
          await page.mouse.move(x + first![0] * width, y + first![1] * height);
          await page.mouse.down();
          for (const [right, down] of rest) await page.mouse.move(x + right * width, y + down * height);
          await page.mouse.up();
        }
        await until(`the answer is ${digit}`, async () => (await textOf('#answer-best')) === `${digit}`);
      }
    },
    10 * minutes,
  );

  it(
    'trains until the loss has halved, and goes on behind a reload',
    async () => {
      await page.goto(`${demo.address}#train`);
      await page.reload();
      const settings = { data: 'drawn', seeds: '1', deeper: false, width: '4', batch: '16', steps: '5000' };
      await choose(settings);
      await page.click('#start');
      await until('it trains', async () => (await phase()) === 'training');
      for (const role of ['ic', 'plain']) {
        await until(`the loss of ${role} is half of ln 10`, async () => (await lossOf(role)) < Math.log(10) / 2);
      }
      await page.reload();
      await until('it offers to go on', () => isShown('#kept'));
      expect(await textOf('#kept-text')).toMatch(/^A training stopped .* ago, of 5,000 steps each/);
      await page.click('#kept-continue');
      await until('it goes on', async () => (await lossOf('ic')) < Math.log(10) / 2);
      await page.click('#reset');
      await until('it has stopped', async () => (await phase()) === 'idle');
    },
    15 * minutes,
  );
});
