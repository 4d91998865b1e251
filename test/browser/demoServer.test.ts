import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser, openPage } from '../support/browser.js';
import { chooseSmallTraining, minutes, untilText } from '../support/demoPage.js';

let server: ChildProcess;
/** All that the server has printed. */
let said = '';
let address: string;
let browser: Browser;

/** In a process of its own: under Vitest, Vite makes workers for Vitest's module runner. */
beforeAll(async () => {
  const { VITEST: _, NODE_ENV: __, MODE: ___, ...env } = process.env;
  const options = ['--config', 'src/demo/vite.config.ts', '--port', '0', '--strictPort', '--force'];
  server = spawn(process.execPath, ['node_modules/vite/bin/vite.js', ...options], {
    env: { ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  address = await new Promise((done) => {
    server.stdout!.on('data', (text) => {
      said += text;
      const [found] = /http:\/\/localhost:\d+\//.exec(said) ?? [];
      if (found) done(found);
    });
  });
  browser = await launchBrowser();
}, 5 * minutes);

afterAll(async () => {
  await browser?.close();
  server?.kill();
  await once(server, 'exit');
});

it('The development server knows all dependencies at once, and trains on MNIST', async () => {
  const { page, complaints } = await openPage(browser);
  await page.goto(`${address}#train`);
  // As text, whose imports are the page's own. They wait for dependencies that the server learns of by them, and it says so.
  await page.evaluate(`(async () => {
    for (const peer of ['tensorflow', 'onnxRuntime']) await import('/worker/bench/' + peer + 'Peer.ts');
  })()`);
  expect(said).not.toMatch(/dependencies optimized|reload/);
  await chooseSmallTraining(page, 50);
  await page.selectOption('[name=data]', 'mnist');
  expect(await page.locator('#data-mnist').isVisible()).toBe(false);
  await page.click('#start');
  await untilText(page, '#training-status', /Before the first step, your GPU’s driver compiles the kernels/);
  expect(await page.textContent('#data-status')).toBe(
    'MNIST: 60,000 pictures of 28 × 28 to learn from, 10,000 to test with, 10 classes',
  );
  expect(complaints).toEqual([]);
});
