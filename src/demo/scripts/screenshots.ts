import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { launchBrowser, openPage } from '../../../test/support/browser.js';
import { serveDemo } from '../../../test/support/demo.js';

/*
 * Takes the pictures of the demo that the documentation shows, desktop and phone, light and dark, and the one that previews of
 * links to the page show.
 */

const folder = 'docs';
const desktop = { width: 1180, height: 860 };
const phone = { width: 390, height: 844 };
const patience = 20 * 60_000;

const demo = await serveDemo();
const browser = await launchBrowser();
try {
  const looks = { viewport: desktop, colorScheme: 'light', reducedMotion: 'reduce', acceptDownloads: true } as const;
  const { page } = await openPage(browser, looks);
  page.setDefaultTimeout(patience);
  await page.goto(`${demo.address}#train`);
  await page.waitForSelector('#chart-loss canvas');
  const [preview] = await Promise.all([page.waitForEvent('download'), page.click('#save-picture')]);
  await preview.saveAs(join('src', 'demo', 'public', 'preview.png'));
  await take(page, 'train', 'light', { width: 1180, height: 1480 });
  await take(page, 'train-phone', 'dark', { ...phone, height: 1640 });

  await page.setViewportSize(desktop);
  await page.click('#tab-try');
  await page.click('#samples button:nth-child(4)');
  await page.waitForFunction(() => document.getElementById('answer-text')?.textContent?.includes('sure'));
  await page.waitForFunction(() => document.getElementById('unit-z')?.textContent !== '');
  await take(page, 'try-phone', 'light', { ...phone, height: 1640 });
  await take(page, 'try', 'dark', { ...desktop, height: 1080 });

  await page.click('#tab-see');
  await page.waitForSelector('#maps button:nth-child(6)');
  await page.click('#maps button:nth-child(3)');
  await page.click('#measure');
  await page.waitForSelector('.box');
  await take(page, 'see', 'dark', { width: 1180, height: 1320 });
} finally {
  await browser.close();
  await demo.close();
}

async function take(page: Page, name: string, colorScheme: 'light' | 'dark', size: { width: number; height: number }) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(size);
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    scrollTo(0, 0);
  });
  await page.waitForTimeout(400);
  await page.screenshot({ path: join(folder, `demo-${name}.png`) });
}
