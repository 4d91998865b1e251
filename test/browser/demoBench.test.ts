import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchReport } from '../../src/demo/protocol.js';
import { openPage } from '../support/browser.js';
import { type OpenDemo, openDemo, type ServedDemo } from '../support/demo.js';
import { drop, expectAccessible, focusedId, minutes, until, untilText } from '../support/demoPage.js';

let opened: OpenDemo;
let folder: string;
let demo: ServedDemo;
let browser: Browser;
/** One page for all: the core stays loaded. */
let page: Page;
let complaints: string[];

beforeAll(async () => {
  opened = await openDemo();
  ({ folder, demo, browser } = opened);
  ({ page, complaints } = await openPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] }));
  await page.goto(`${demo.address}#bench`);
}, 5 * minutes);

afterAll(() => opened?.close());

describe('The bench', () => {
  it(
    'tunes first where that is wanted, and stops meanwhile',
    async () => {
      await page.check('[name=tune]');
      await page.click('#bench-start');
      await untilText(page, '#bench-status', /Measuring tuning \w+, \d+ of \d+/);
      await page.click('#bench-stop');
      await untilText(page, '#bench-status', 'Stopped');
      expect(await page.locator('.report').count()).toBe(0);
      await page.uncheck('[name=tune]');
      expect(complaints).toEqual([]);
    },
    3 * minutes,
  );

  it(
    'measures convolutions, and a network beside the peers; copies its results, and sets others beside them',
    async () => {
      await page.selectOption('[name=network]', 'resnet20');
      for (const peer of ['tensorflow', 'onnxRuntime']) await page.check(`[name=${peer}]`);
      await page.focus('#bench-start');
      await page.keyboard.press('Enter');
      expect(await focusedId(page)).toBe('bench-stop');
      await untilText(page, '#bench-status', 'Done');
      expect(await focusedId(page)).toBe('bench-start');
      const [convolutions, networks] = await Promise.all(
        [0, 1].map((table) => page.locator('.report table').nth(table).locator('tbody tr').allTextContents()),
      );
      expect(convolutions).toHaveLength(6);
      for (const row of convolutions!) expect(row).toMatch(/[1-9]\d* %/);
      expect(networks).toHaveLength(2);
      for (const row of networks!) expect(row.match(/[\d.]+ ×/g)).toHaveLength(2);

      await page.click('#bench-copy');
      await untilText(page, '#bench-status', 'Copied');
      const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as BenchReport;
      expect(report.peaks!.fmaGflops).toBeGreaterThan(0);
      for (const row of report.convolutions) {
        expect(row.share).toBeGreaterThan(0);
        expect(row.form).toBeTruthy();
      }
      const slower = report.convolutions.map((row) => ({ ...row, icMilliseconds: 2 * row.icMilliseconds }));
      const other = JSON.stringify({ ...report, adapter: 'another GPU', convolutions: slower });
      await writeFile(join(folder, 'other.json'), other);
      await drop(page, join(folder, 'other.json'));
      await until(page, 'there are two', async () => (await page.locator('.report').count()) === 2);
      expect(await page.locator('.report').nth(1).locator('tbody tr').first().textContent()).toContain('2.00 ×');
      await expectAccessible(page, 'two results');
      expect(complaints).toEqual([]);
    },
    8 * minutes,
  );
});
