import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build as esbuild } from 'esbuild';
import type { Browser } from 'playwright-core';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import webpack from 'webpack';
import { launchBrowser, openPage } from '../support/browser.js';
import { consumer } from '../support/packed.js';
import { type FolderServer, serveFolder } from '../support/server.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const adapter = process.env.ICNET_TEST_ADAPTER ?? 'auto';

/** The package from its tarball, in the hands of the tools that others use. */
let folder: string;

beforeAll(async () => {
  folder = await consumer(
    'consumer',
    join(import.meta.dirname, 'consumer'),
    'webgpu',
    '@sparticuz/chromium',
    'typescript',
  );
}, 300_000);

describe('Node', () => {
  it('imports it as ES modules and computes', async () => {
    const { stdout } = await run(process.execPath, ['node.mjs', adapter], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual([0, 2, 0]);
  });

  it('imports it on a server that has no navigator', async () => {
    const { stdout } = await run(process.execPath, ['server.mjs'], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(new Array(7).fill(true));
  });
});

describe('TypeScript', () => {
  it.each([
    { module: 'esnext', moduleResolution: 'bundler' },
    { module: 'node16', moduleResolution: 'node16' },
  ])('finds all types with moduleResolution $moduleResolution, and checks the package’s own', async (resolution) => {
    const config = join(folder, `tsconfig.${resolution.moduleResolution}.json`);
    const compilerOptions = {
      ...{ ...resolution, target: 'es2022', lib: ['es2022', 'dom'], types: [], strict: true },
      ...{ skipLibCheck: false, noEmit: true, exactOptionalPropertyTypes: true },
    };
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(config, JSON.stringify({ compilerOptions, files: ['types.ts'] }));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    // What it finds ends it with a code that is not 0, and stands on its output.
    const { stdout } = await run(process.execPath, [compiler, '-p', config]).catch((error) => {
      throw new Error(error.stdout || error.message);
    });
    expect(stdout).toBe('');
  });
});

describe('In the browser, under a policy that allows scripts of this server alone, neither eval nor blobs', () => {
  const policy = { 'content-security-policy': "default-src 'none'; script-src 'self'" };
  let browser: Browser;
  let server: FolderServer;
  let site: string;

  beforeAll(async () => {
    site = join(folder, 'site');
    await mkdir(site, { recursive: true });
    [browser, server] = await Promise.all([launchBrowser(), serveFolder(site, policy)]);
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  const entry = () => join(folder, 'browser.js');
  const bundlers: Record<string, () => Promise<unknown>> = {
    vite: () =>
      vite({
        ...{ root: folder, configFile: false, logLevel: 'error' },
        build: {
          ...{ outDir: join(site, 'vite'), emptyOutDir: false, target: 'esnext', modulePreload: { polyfill: false } },
          rollupOptions: { input: entry(), output: { entryFileNames: 'main.js' } },
        },
      }),
    esbuild: () =>
      esbuild({
        entryPoints: [entry()],
        bundle: true,
        format: 'esm',
        minify: true,
        outfile: join(site, 'esbuild/main.js'),
      }),
    webpack: () =>
      new Promise<void>((done, fail) => {
        // Told where its files lie, webpack brings no code to find that out, which has a `new Function` to fall back on.
        const output = { path: join(site, 'webpack'), filename: 'main.js', publicPath: 'webpack/' };
        webpack({ mode: 'production', context: folder, entry: entry(), output }, (error, stats) => {
          if (error || stats?.hasErrors()) fail(error ?? new Error(stats?.toString('errors-only')));
          else done();
        });
      }),
  };

  it.each(Object.keys(bundlers))('%s bundles it, and the page computes', async (name) => {
    await bundlers[name]!();
    await writeFile(
      join(site, `${name}.html`),
      `<!doctype html><title>${name}</title><script type="module" src="${name}/main.js"></script>`,
    );
    const text = await readFile(join(site, name, 'main.js'), 'utf8');
    expect(text.match(/\beval\(|new Function\(|createObjectURL/)).toBeNull();
    const { page, complaints } = await openPage(browser);
    await page.goto(`${server.address}${name}.html`);
    const html = page.locator('html[data-result]');
    await html.waitFor({ state: 'attached' });
    expect(JSON.parse((await html.getAttribute('data-result'))!)).toEqual({
      ...{ values: [0, 2, 0], kernel: 'relu', network: 'ic-resnet20', functions: new Array(4).fill('function') },
    });
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
