import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { type LaunchOptions, launchBrowser, openPage } from './browser.js';
import { serveFolder } from './server.js';

/** A page beside the package as it is built, in a browser of its own. */
export interface PackagePage {
  readonly page: Page;
  readonly complaints: string[];
  close(): Promise<void>;
}

/**
 * Builds the package into `dist` of a served folder and opens a page there.
 *
 * @param script The page's module.
 * @param files More files of the folder, by name.
 */
export async function openPackagePage(
  script: string,
  files: Readonly<Record<string, Uint8Array>> = {},
  options?: LaunchOptions,
): Promise<PackagePage> {
  const folder = await mkdtemp(join(tmpdir(), 'ic-networks-page-'));
  const root = resolve(import.meta.dirname, '../..');
  await build({ root, logLevel: 'error', build: { outDir: join(folder, 'dist') } });
  const html = `<!doctype html><title>Package</title><script type="module">${script}</script>`;
  for (const [name, contents] of Object.entries({ ...files, 'page.html': html })) {
    await writeFile(join(folder, name), contents);
  }
  const server = await serveFolder(folder);
  const browser = await launchBrowser(options);
  const { page, complaints } = await openPage(browser);
  await page.goto(`${server.address}page.html`);
  return {
    page,
    complaints,
    async close() {
      await browser.close();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
