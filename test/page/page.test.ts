import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundledTexts } from '../../vite.config.js';
import { inferredNetworks } from '../support/proofs.js';
import { type FolderServer, serveFolder } from '../support/server.js';
import { type BrowserUnderTest, browserUnderTest } from './browser.js';
import type { PageReport } from './main.js';

/* Any browser: it is started with the page's address, and the page sends what it found. */

const root = resolve(import.meta.dirname, '../..');

let folder: string;
let server: FolderServer;
let child: ChildProcess | undefined;
let received: (report: PageReport) => void;
const report = new Promise<PageReport>((done) => {
  received = done;
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icnet-page-'));
  const site = join(folder, 'site');
  await build({
    ...{ root, configFile: false, logLevel: 'error', plugins: [bundledTexts()] },
    build: {
      ...{ outDir: site, target: 'esnext', minify: false },
      rollupOptions: { input: join(import.meta.dirname, 'main.ts'), output: { entryFileNames: 'main.js' } },
    },
  });
  const html = '<!doctype html><title>IC networks</title><script type="module" src="main.js"></script>';
  await writeFile(join(site, 'index.html'), html);
  for (const name of ['conv', ...inferredNetworks]) {
    await copyFile(join(root, `test/golden/${name}.safetensors`), join(site, `${name}.safetensors`));
  }
  server = await serveFolder(site, {}, (body) => received(JSON.parse(body) as PageReport));
}, 300_000);

afterAll(async () => {
  child?.kill('SIGKILL');
  server?.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** A profile of its own for the browser, as words for it. */
async function profileWords({ isFirefox, preferences }: BrowserUnderTest): Promise<string[]> {
  const profile = join(folder, 'profile');
  await mkdir(profile);
  if (!isFirefox) return [`--user-data-dir=${profile}`];
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref("${name}", ${value});`);
  await writeFile(join(profile, 'user.js'), lines.join('\n'));
  return ['--no-remote', '--profile', profile];
}

it('compiles, infers, trains and resumes in the browser that ICNET_TEST_BROWSER names', async () => {
  const browser = browserUnderTest();
  const started = [...browser.words, ...(await profileWords(browser)), `${server.address}index.html`];
  child = spawn(browser.path, started, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<never>((_, fail) => {
    child!.on('error', fail);
    child!.on('exit', (code) => fail(new Error(`the browser ended with code ${code}`)));
  });
  const found = await Promise.race([report, ended]);
  process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  expect(found.failure).toBeUndefined();
  expect(found.kernels).toBeGreaterThan(50);
  expect(found.convolutions).toBe(23);
  expect(found.networks).toBe(3);
  expect(found.tensors).toBeGreaterThan(50);
  expect(found.resumedSteps).toBe(8);
});
