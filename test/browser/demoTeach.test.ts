import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digitStrokes } from '../../src/demo/data/digits.js';
import { decodeOnnx } from '../../src/onnx.js';
import { decodeCheckpoint } from '../../src/train/checkpoint.js';
import { openPage } from '../support/browser.js';
import { type OpenDemo, openDemo } from '../support/demo.js';
import { drop, expectAccessible, minutes, troubleText, until, untilText } from '../support/demoPage.js';
import { plainPng } from '../support/png.js';

let opened: OpenDemo;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  opened = await openDemo({ camera: true });
  ({ page, complaints } = await openPage(opened.browser, { acceptDownloads: true }));
  await page.goto(`${opened.demo.address}#teach`);
  await page.waitForSelector('#classes .class-card');
}, 5 * minutes);

afterAll(() => opened?.close());

const thumbs = (card: number) => page.locator('.class-card').nth(card).locator('.thumbs button');

it(
  'learns two kinds of pictures from folders, answers, and hands out what it has learnt',
  async () => {
    const { folder } = opened;
    const shades = (index: number): number => 90 + 12 * index;
    for (const [name, colour] of [
      ['leaves', (shade: number) => [30, shade, 40]],
      ['bricks', (shade: number) => [shade, 40, 30]],
    ] as const) {
      await mkdir(join(folder, name));
      for (let index = 0; index < 8; index++) {
        const [red, green, blue] = colour(shades(index)) as [number, number, number];
        await writeFile(join(folder, name, `${index}.png`), plainPng(40, 40, [red, green, blue]));
      }
    }
    expect(await page.isDisabled('#teach-start')).toBe(true);
    await drop(page, join(folder, 'leaves'), join(folder, 'bricks'));
    await untilText(page, '#teach-status', '16 pictures of 2 classes');
    const names = page.locator('.class-card input');
    expect([await names.nth(0).inputValue(), await names.nth(1).inputValue()]).toEqual(['leaves', 'bricks']);
    // One is taken out again.
    await thumbs(0).first().click();
    await untilText(page, '#teach-status', '15 pictures of 2 classes');
    await expectAccessible(page, 'shown');

    await page.click('#teach-start');
    await untilText(page, '#teach-status', /^Learnt from 12 pictures; of 3 held out it gets 3 right, 100 %\.$/);
    const cells = page.locator('#confusion button');
    expect(await cells.allTextContents()).toEqual(['1', '0', '0', '2']);
    await cells.nth(3).click();
    expect(await page.textContent('#cell-pictures p')).toBe('bricks, taken for bricks:');
    expect(await page.locator('#cell-pictures canvas').count()).toBe(2);
    await expectAccessible(page, 'taught');

    const taken = async (kind: string): Promise<Buffer> => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-export=${kind}]`)]);
      return readFile(await download.path());
    };
    const { network, classNames } = decodeCheckpoint(new Uint8Array(await taken('safetensors')));
    expect(classNames).toEqual(['leaves', 'bricks']);
    expect(network.input).toEqual({ height: 32, width: 32, channels: 3 });
    expect(decodeOnnx(new Uint8Array(await taken('onnx'))).network.input).toEqual(network.input);
    for (const kind of ['page', 'script']) expect(`${await taken(kind)}`).toContain('decodeCheckpoint');
    expect(complaints).toEqual([]);
  },
  5 * minutes,
);

it(
  'takes drawings and what a camera films, a class by its button',
  async () => {
    await page.click('#add-class');
    await page.locator('#teach-pad').scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await page.locator('#teach-pad').boundingBox())!;
    const [first, ...rest] = digitStrokes(1, 3)[0]!;
    await page.mouse.move(x + first![0] * width, y + first![1] * height);
    await page.mouse.down();
    for (const [right, down] of rest) await page.mouse.move(x + right * width, y + down * height);
    await page.mouse.up();
    const card = page.locator('.class-card').nth(2);
    await card.getByText('Add drawing').click();
    await until(page, 'the drawing is there', async () => (await thumbs(2).count()) === 1);
    await card.getByText('Add drawing').click();
    await untilText(page, '#teach-status', 'Draw something first, or turn on the camera.');

    await page.click('#eye-camera');
    const hold = card.getByText('Hold to film');
    await hold.hover();
    await page.mouse.down();
    await until(page, 'pictures are filmed', async () => (await thumbs(2).count()) > 3);
    await page.mouse.up();
    await until(page, 'it says what it sees', async () => (await page.textContent('#taught-best')) !== '–');
    await page.click('#eye-pad');
    await card.getByText('Remove').click();
    expect(await page.locator('.class-card').count()).toBe(2);

    await writeFile(join(opened.folder, 'words.txt'), 'words');
    await drop(page, join(opened.folder, 'words.txt'));
    expect(await troubleText(page)).toContain('Drop pictures here');
    expect(complaints).toEqual([]);
  },
  3 * minutes,
);
