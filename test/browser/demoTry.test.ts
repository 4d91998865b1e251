import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digitStrokes } from '../../src/demo/data/digits.js';
import { networkParameters } from '../../src/graph/parameters.js';
import { float32Tensor, imageNetClasses, writeSafetensors } from '../../src/io.js';
import { initialParameters } from '../../src/models/initialise.js';
import { imageNetResNet } from '../../src/models/resnet.js';
import { openPage } from '../support/browser.js';
import { type OpenDemo, openDemo, type ServedDemo } from '../support/demo.js';
import { drop, expectAccessible, minutes, troubleText, until, untilText } from '../support/demoPage.js';
import { plainPng } from '../support/png.js';

let opened: OpenDemo;
let folder: string;
let demo: ServedDemo;
let browser: Browser;
/** One page for all: the networks that it compiled stay. */
let page: Page;
let complaints: string[];

beforeAll(async () => {
  opened = await openDemo({ camera: true });
  ({ folder, demo, browser } = opened);
  ({ page, complaints } = await openPage(browser));
  await page.goto(`${demo.address}#try`);
  await page.waitForSelector('#pad');
}, 5 * minutes);

afterAll(() => opened?.close());

describe('The page as it opens', () => {
  it(
    'writes a digit by itself, reads it, and takes the unit apart',
    async () => {
      const { page: fresh, complaints: own } = await openPage(browser);
      await fresh.goto(demo.address);
      await untilText(fresh, '#answer-text', /sure/);
      await until(fresh, 'the unit has numbers', async () => (await fresh.textContent('#unit-z')) !== '');
      const numberOf = async (id: string): Promise<number> =>
        Number((await fresh.textContent(`#unit-${id}`))!.replace('−', '-').replace('a = ', ''));
      // What the last digit leaves, when it stands there.
      await fresh.waitForTimeout(6000);
      await expectAccessible(fresh, 'open');
      const addsUp = async (): Promise<void> => {
        // All of one frame.
        const [z, second, y] = await fresh.evaluate(() =>
          ['z', 'second', 'y'].map((id) =>
            Number(document.getElementById(`unit-${id}`)!.textContent!.replace('−', '-')),
          ),
        );
        expect(Math.abs(z! + second! - y!)).toBeLessThan(0.02);
      };
      await addsUp();
      expect(await numberOf('second')).toBeGreaterThan(0);
      expect(await fresh.getAttribute('#unit', 'data-side')).toBe('second');

      await fresh.fill('#unit-a', '0.25');
      await until(fresh, 'the second term is off', async () => (await numberOf('second')) === 0);
      expect(await fresh.getAttribute('#unit', 'data-side')).toBe('plain');
      await addsUp();
      await fresh.click('#unit-own');
      await until(fresh, 'the second term is on', async () => (await numberOf('second')) > 0);

      const before = await numberOf('s');
      await fresh.focus('#unit-window');
      for (let step = 0; step < 5; step++) await fresh.keyboard.press('ArrowUp');
      await until(fresh, 'the window has moved', async () => (await numberOf('s')) !== before);
      await addsUp();
      expect(await fresh.locator('#unit-filters button').count()).toBe(8);
      const filters = fresh.locator('#unit-filters button');
      await filters.nth(3).click();
      expect(await filters.nth(3).getAttribute('aria-pressed')).toBe('true');
      await addsUp();
      expect(own).toEqual([]);
      await fresh.context().close();
    },
    3 * minutes,
  );

  it('gives the pen to whoever takes it', async () => {
    const { page: fresh } = await openPage(browser);
    await fresh.goto(demo.address);
    await fresh.click('#pad-clear');
    await fresh.waitForTimeout(1500);
    expect(await fresh.locator('#pad-hint').isVisible()).toBe(true);
    await fresh.context().close();
  });
});

describe('Trying it', () => {
  it(
    'reads digits that are drawn with a pointer, and one drawn by keyboard',
    async () => {
      const best = (): Promise<string | null> => page.textContent('#answer-best');
      for (const digit of [3, 7]) {
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
      expect(complaints).toEqual([]);
    },
    5 * minutes,
  );

  it(
    'classifies a dropped picture and what a camera films',
    async () => {
      await writeFile(join(folder, 'picture.png'), plainPng(300, 240, [90, 140, 60]));
      await writeFile(join(folder, 'notes.txt'), 'words');
      await drop(page, join(folder, 'notes.txt'));
      expect(await troubleText(page)).toContain('notes.txt is neither a picture nor a network');
      await page.click('#trouble button');
      await drop(page, join(folder, 'picture.png'));
      await untilText(page, '#answer-text', /sure/);
      await expectAccessible(page, 'answered');

      // A picture that cannot be drawn leaves no answer of the one before.
      await writeFile(join(folder, 'broken.png'), plainPng(300, 240, [90, 140, 60]).subarray(0, 60));
      await drop(page, join(folder, 'broken.png'));
      expect(await troubleText(page)).toMatch(/^broken\.png is no picture that this browser draws/);
      await page.click('#trouble button');
      await untilText(page, '#answer-text', 'Nothing is drawn yet');
      expect(await page.textContent('#answer-best')).toBe('–');
      await writeFile(join(folder, 'phone.heic'), `\0\0\0\u0018ftypheic${'\0'.repeat(40)}`);
      await drop(page, join(folder, 'phone.heic'));
      expect(await troubleText(page)).toMatch(/^phone\.heic is a HEIC picture.* Save it as a JPEG/);
      await page.click('#trouble button');
      const seven =
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M2 2H7L4 8" fill="none" stroke="#000"/></svg>';
      await writeFile(join(folder, 'seven.svg'), seven);
      await page.setInputFiles('#picture-file', join(folder, 'seven.svg'));
      await until(page, 'the SVG is read', async () => (await page.textContent('#answer-best')) === '7');
      await page.click('#pad-clear');
      await untilText(page, '#answer-text', 'Nothing is drawn yet');

      await page.click('#pad-camera');
      await untilText(page, '#answer-text', /sure/);
      expect(await page.textContent('#pad-camera')).toBe('Stop camera');
      const first = await seenBy(page);
      await until(page, 'another picture is seen', async () => (await seenBy(page)) !== first);
      await page.click('#pad-camera');
      expect(await page.textContent('#pad-camera')).toBe('Camera');
      const filming = await page
        .locator('#camera-video')
        .evaluate(({ srcObject }: HTMLVideoElement) => srcObject !== null);
      expect(filming).toBe(false);
      expect(complaints).toEqual([]);
    },
    3 * minutes,
  );
});

describe('Seeing it', () => {
  it(
    'shows where the second term fires, how adjust is spread, and what every dispatch takes',
    async () => {
      await page.click('#pad-clear');
      await page.click('#tab-see');
      await until(page, 'there are maps', async () => (await page.locator('#maps button').count()) === 6);
      expect(await page.textContent('#see-status')).toMatch(/It fires at \d+\.\d % of all outputs, over 6 layers/);
      const first = await page.textContent('#map-text');
      await page.locator('#maps button').nth(4).click();
      expect(await page.textContent('#map-text')).not.toBe(first);
      expect(await page.textContent('#spread-text')).toContain('32 weights');
      await page.focus('#map-large');
      await page.keyboard.press('ArrowDown');
      await untilText(page, '#pixel', /^Filter 1, row \d+, column \d+: z = .+ so y = .+\.$/);
      await page.selectOption('#map-filter', '4');
      await untilText(page, '#pixel', /^Filter 5, /);
      await untilText(page, '#legend-most', /^z − a S = \d/);
      await page.check('#map-smooth');
      expect(await page.locator('#spread rect').count()).toBeGreaterThan(10);

      await page.click('#measure');
      await until(page, 'there is a diagram', async () => (await page.locator('.box').count()) === 11);
      expect(await page.locator('.box.ic').count()).toBe(6);
      for (const text of await page.locator('.box').allTextContents()) expect(text).toMatch(/\d (ms|µs)/);
      expect(await page.textContent('#diagram-status')).toMatch(/by timestamps/);
      expect(await page.locator('.diagram path').count()).toBe(5);
      await expectAccessible(page, 'seen');
      expect(complaints).toEqual([]);
    },
    5 * minutes,
  );
});

describe('A dropped network', () => {
  it(
    'names what is in a picture, as a ResNet-50 in torchvision’s names',
    async () => {
      const network = imageNetResNet({ depth: 50, ic: false });
      const values = initialParameters(network, 1);
      const tensors = networkParameters(network)
        .filter(({ role }) => role !== 'batchesTracked')
        .map(({ name, shape }) => [name, float32Tensor(shape, values.get(name)!)] as const);
      await writeFile(join(folder, 'resnet50.safetensors'), writeSafetensors(tensors));
      await writeFile(join(folder, 'photo.png'), plainPng(300, 240, [90, 140, 60]));
      await writeFile(
        join(folder, 'other.safetensors'),
        writeSafetensors([['weight', float32Tensor([1], Float32Array.of(1))]]),
      );
      await page.click('#tab-try');
      await drop(page, join(folder, 'other.safetensors'));
      const message = await troubleText(page);
      expect(message).toContain('These files cannot be used');
      expect(message).toContain('torchvision');
      await page.click('#trouble button');
      await drop(page, join(folder, 'resnet50.safetensors'));
      await until(page, 'the network is chosen', async () => (await page.inputValue('#model')) === 'file');
      await drop(page, join(folder, 'photo.png'));
      await untilText(page, '#answer-text', /sure/);
      const names = imageNetClasses().map(({ name }) => name.split(',')[0]);
      const shown = await page.locator('.bar-name').allTextContents();
      expect(shown).toHaveLength(10);
      for (const name of shown) expect(names).toContain(name);
      expect(await page.locator('#seen').evaluate((canvas: HTMLCanvasElement) => canvas.width)).toBe(224);
      await expectAccessible(page, 'named');
      expect(complaints).toEqual([]);
    },
    8 * minutes,
  );
});

/** What the network is given, as text. */
function seenBy(page: Page): Promise<string> {
  return page.locator('#seen').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
}
